"""What the files of deploy/ say, read and started without a container engine."""
