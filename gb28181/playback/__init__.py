"""What devices recorded: finding it, looking at it, fetching it (GB/T 28181-2022 9.7 to 9.9).

records.py    codec: what devices say they hold -> recordings and spans
archive.py    asks devices for their recordings
control.py    codec: pause, resume, seek, speed as MANSRTSP
plan.py       machine: which part of the wanted time the next call asks for
service.py    playback: streams of recordings and their control
ending.py     MediaStatus: which recording a device means
downloads.py  recordings as MP4 files: turns, breaks, what lasts
progress.py   words of a download
files.py      its files
"""
