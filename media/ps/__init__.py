"""MPEG program stream, in and out (ISO/IEC 13818-1; GB/T 28181 annex C)."""
