"""Pictures: NAL units, parameter sets, and the forms containers want them in."""
