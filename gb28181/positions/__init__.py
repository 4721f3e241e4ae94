"""Where devices are: positions reported by MobilePosition, kept as tracks, told as they come.

gcj02.py    the shifted coordinates of Chinese maps, and back
service.py  taking positions in, answering questions about them
directions.py  where cameras look, told on as it comes
"""
