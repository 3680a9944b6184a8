"""What `spantail.configure` does: it wires processors, exporters and log capture as the environment says."""
