"""RTP and RTCP: packets, their order, and what players are sent (RFC 3550, 6184, 7798)."""
