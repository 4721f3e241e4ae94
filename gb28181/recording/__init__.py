"""What the platform records itself: by plan, by hand and by alarm, and what becomes of the files.

`weekly` and `machine` decide, `service` performs: it wants the picture from the sessions, tells
the media node to record it, and keeps the index of what is there. `house` keeps the disk from
filling up, `recovery` brings index and files together after a crash, `film` and `exports` give back
what was recorded.

Not here: recordings of devices (`playback`).
"""
