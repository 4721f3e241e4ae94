"""SIP as it went over the wire: captures on demand, ladders of calls, as JSON and as pcap."""
