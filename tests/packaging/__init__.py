"""Does what is shipped install and start: the wheel, the image, the build hook."""
