"""What a device is asked and told: queries, control, configuration, pictures on demand."""
