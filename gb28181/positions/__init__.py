"""Where devices are: positions reported by MobilePosition, kept as tracks, told as they come.

gcj02.py    the shifted coordinates of Chinese maps, and back
service.py  taking positions in, answering questions about them
"""
