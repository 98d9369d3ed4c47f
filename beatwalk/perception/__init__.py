"""What the eye sees: OKLab, change between pictures, flashes."""
