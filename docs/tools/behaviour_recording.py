"""The part of `behaviour.py` about what the platform records itself: (place, words, unit)."""

from __future__ import annotations

BY_SETTING = (
    ("recording.segment", "Length of a file; it ends at the first key frame after that"),
    ("recording.retention", "Recordings are kept for"),
    ("recording.quota", "Bytes they may take; 0: no limit"),
    ("recording.reserve", "Bytes of the disk that stay free"),
    ("recording.look", "The room is looked at every"),
    ("recording.playbacks", "Recordings of the platform shown as streams at one time"),
    ("recording.export_retention", "Exported files are kept for"),
)

FIXED = (
    ("media.record.cutter.GAP_S", "Nothing came for so long: the file ends", "s"),
    ("media.record.cutter.MOST_BYTES", "A fragment is closed at so many bytes", "bytes"),
    ("media.record.segments.BACKLOG", "Bytes of a stream that wait for the disk", "bytes"),
    ("gb28181.recording.machine.RETRY_S", "A stream that cannot be had is tried again after", "s"),
    ("gb28181.recording.machine.LONGEST_RETRY_S", "That pause doubles up to", "s"),
    ("gb28181.recording.machine.GRACE_S", "A gap that lasts is told after", "s"),
    ("gb28181.recording.machine.LEAST_GAP_S", "Shorter gaps are none", "s"),
    ("gb28181.recording.service.BEGINNING", "Streams that are begun at one time", ""),
    ("gb28181.recording.service.MOST_SECONDS", "Longest recording that ends by itself", "s"),
    ("gb28181.recording.house.FULL_S", "After a write the disk refused there is no room for", "s"),
    ("gb28181.recording.weekly.MOST_STRETCHES", "Stretches of a day in a plan", ""),
    ("gb28181.recording.plans.MOST_PLANS", "Plans", ""),
    ("gb28181.recording.archive.LONGEST_S", "Longest stretch of a timeline", "s"),
    ("gb28181.recording.film.LONGEST_S", "Longest stretch of a film or an export", "s"),
    ("gb28181.recording.exports.MOST_WAITING", "Exports that may wait", ""),
    ("media.record.projector.SLOWEST", "Slowest speed of a recording that is shown", ""),
    ("media.record.projector.FASTEST", "Fastest speed", ""),
    ("media.record.projector.AHEAD_S", "It is read ahead by, by the clock of who looks", "s"),
    ("media.record.projector.MOST_AHEAD", "And by no more bytes than", "bytes"),
    ("media.record.projector.LATE_S", "Pictures later than this are not caught up", "s"),
    ("media.record.projector.STEP_S", "Pictures are given to the stream at most every", "s"),
    ("media.record.unpack.MOST_BOX", "Longest fragment that is read", "bytes"),
    ("gb28181.recording.reel.CHUNK", "Bytes of one reading", "bytes"),
    ("gb28181.recording.replays.THREADS", "Threads that read for all that are shown", ""),
    ("gb28181.filming.MOST_ALARM_S", "Longest recording of an alarm rule", "s"),
)
