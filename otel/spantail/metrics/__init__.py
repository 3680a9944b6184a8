"""What calls and runs came to, by OpenTelemetry's metrics API. Silent where no meter provider is set up."""
