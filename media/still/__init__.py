"""Single pictures: a JPEG out of a key frame, and whether a JPEG is one."""
