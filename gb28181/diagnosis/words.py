"""What is wrong and what to do about it, in Chinese and English, for people in front of a camera.

A text may use everything its check puts into the evidence. Each names the finding first and then,
where something is wrong, what somebody can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    # --- registered
    "registered": (
        "设备已注册，来源 {remote}（{transport}）。",
        "The device is registered from {remote} over {transport}.",
    ),
    "never_came": (
        "平台从未收到该编号的注册。请检查设备上的 SIP 服务器地址、端口、服务器编号和设备编号，"
        "以及中间的防火墙。",
        "No registration of this id ever arrived. Check server address, port, server id and device "
        "id in the device, and firewalls in between.",
    ),
    "entered_never_came": (
        "设备已录入平台，但从未来注册。请检查设备上的 SIP 服务器地址、端口、服务器编号，"
        "以及设备编号是否为 {device_id}。",
        "The device was entered but never came. Check server address, port and server id in the "
        "device, and that its id is {device_id}.",
    ),
    "challenged": (
        "设备从 {attempt_remote} 发来 {attempt_tries} 次注册，平台已要求认证，但没有收到带密码的"
        "注册。请检查设备是否填写了密码，以及平台的应答能否回到设备（NAT、防火墙）。",
        "The device asked {attempt_tries} times from {attempt_remote} and was challenged, but "
        "never came back with credentials. Check its password, and that our answers reach it "
        "(NAT, firewall).",
    ),
    "wrong_password": (
        "设备从 {attempt_remote} 注册时密码错误。请使设备上的密码与平台为该设备设置的密码"
        "（未单独设置时为默认密码）一致。",
        "The device tried from {attempt_remote} with a wrong password. Make the password in the "
        "device equal to the one set here for it, or to the default password if none is set.",
    ),
    "username_differs": (
        "设备认证用户名与设备编号不同。请将设备上的“SIP 用户认证 ID”改为 {device_id}。",
        "The user name in its credentials is not its id. Set the authentication id in the device "
        "to {device_id}.",
    ),
    "locked_out": (
        "密码多次错误，暂时被锁定。请改正设备上的密码，并等待几分钟。",
        "Locked out for a while after several wrong passwords. Correct the password in the device "
        "and wait some minutes.",
    ),
    "unknown_id": (
        "平台不接受未录入的设备（devices.unknown = refuse）。请先录入 {device_id}。",
        "Ids nobody entered are refused here (devices.unknown = refuse). Enter {device_id} first.",
    ),
    "not_approved": (
        "设备密码正确，正在等待批准。请在平台上批准该设备。",
        "The device has the right password and waits for approval. Approve it.",
    ),
    "duplicate": (
        "同一编号已在另一地址在线，按设备设置拒绝了来自 {attempt_remote} 的注册。"
        "请检查是否有两台设备使用同一编号。",
        "The id is in use from another address, and its setting refuses the one from "
        "{attempt_remote}. Look for two devices with the same id.",
    ),
    "bad_id": (
        "编号不是 20 位数字，或与平台自身的编号相同。请改正设备编号。",
        "The id is not 20 digits, or it is the platform's own. Correct the id in the device.",
    ),
    "refused": (
        "来自 {attempt_remote} 的注册被拒绝（{attempt_reason}）。",
        "A registration from {attempt_remote} was refused ({attempt_reason}).",
    ),
    "offline.heartbeat_missed": (
        "设备已离线：连续 {misses} 次（每 {interval_s:.0f} 秒）没有收到心跳。请检查设备供电和"
        "网络；若设备在线，请检查其心跳间隔是否不大于平台设置。",
        "Offline: {misses} heartbeats in a row (one per {interval_s:.0f} s) did not come. Check "
        "power and network; if the device is up, its heartbeat interval may be longer than set "
        "here.",
    ),
    "offline.registration_expired": (
        "设备已离线：注册到期而没有续期。请检查设备的注册有效期和网络。",
        "Offline: its registration ran out and was not renewed. Check network and registration "
        "time of the device.",
    ),
    "offline.tcp_lost": (
        "设备已离线：它的 TCP 连接断开。请检查网络，以及中间设备（NAT、防火墙）对空闲连接的"
        "超时是否小于心跳间隔。",
        "Offline: its TCP connection was lost. Check the network, and whether a NAT or firewall "
        "drops idle connections sooner than heartbeats come.",
    ),
    "offline.unregistered": (
        "设备自己注销了（或已被重定向到另一服务器）。请检查设备是否已停用国标或改接其他平台。",
        "The device signed off by itself, or was redirected to another server. Check whether "
        "GB/T 28181 was switched off in it or another platform entered.",
    ),
    "offline": ("设备离线（{cause}）。", "The device is offline ({cause})."),
    "unreachable": (
        "设备的 TCP 连接断开，注册仍有效，正在等待它重新连接。",
        "The TCP connection of the device is lost, its registration still holds; it is expected to "
        "connect again.",
    ),
    # --- heartbeat
    "heartbeat": ("最近心跳在 {age_s:.0f} 秒前。", "The last heartbeat came {age_s:.0f} s ago."),
    "heartbeat_none": (
        "注册后还没有收到心跳。",
        "No heartbeat has come since it registered.",
    ),
    "heartbeat_late": (
        "最近心跳在 {age_s:.0f} 秒前，超过间隔 {interval_s:.0f} 秒的两倍。请检查网络丢包，"
        "或设备的心跳间隔设置。",
        "The last heartbeat came {age_s:.0f} s ago, more than twice the interval of "
        "{interval_s:.0f} s. Check packet loss and the heartbeat interval in the device.",
    ),
    "heartbeat_flapping": (
        "心跳正常，但最近 24 小时离线 {outages} 次。请检查网络和设备供电。",
        "Heartbeats come, but it went offline {outages} times within a day. Check network and "
        "power.",
    ),
    # --- reachable
    "reachable": ("平台的请求能得到设备应答。", "The device answers our requests."),
    "reachable_unknown": (
        "平台还没有向设备发过请求。",
        "Nothing has been asked of the device yet.",
    ),
    "reachable_nat": (
        "设备能应答，但它位于 NAT 之后：自报地址 {contact}，实际来源 {remote}。建议使用 TCP "
        "或缩短心跳间隔，并使用 TCP 媒体。",
        "The device answers, but stands behind NAT: it says {contact}, it comes from {remote}. TCP "
        "or a shorter heartbeat, and media over TCP, are advised.",
    ),
    "unanswered": (
        "设备已连续 {unanswered} 次不应答平台的请求，尽管心跳能到达。平台到设备（{remote}）的"
        "方向不通：NAT 映射已失效或被防火墙拦截。请缩短心跳间隔或改用 TCP 注册。",
        "The device left {unanswered} requests in a row unanswered although its heartbeats arrive. "
        "The way from here to {remote} is blocked: a NAT mapping that ended, or a firewall. "
        "Shorten the heartbeat interval or register over TCP.",
    ),
    "no_flow": (
        "设备的连接不存在，平台无法向它发送请求。",
        "There is no connection on which to reach it.",
    ),
    # --- catalog
    "catalog": (
        "目录完整，共 {channels} 个通道。",
        "The catalog is complete: {channels} channels.",
    ),
    "catalog_partial": (
        "目录从未完整收到，目前有 {channels} 个通道。请重新查询目录；仍不完整时建议设备改用 TCP。",
        "The catalog never came whole; {channels} channels are known. Query it again; if that does "
        "not help, let the device use TCP.",
    ),
    "catalog_none": (
        "设备没有报告任何通道。请查询目录，并检查设备上的通道编号是否已填写。",
        "The device has reported no channel. Query its catalog, and check that its channels have "
        "ids.",
    ),
    # --- health, clock
    "health": ("设备在心跳中报告工作正常。", "Its heartbeats report no trouble."),
    "unhealthy": (
        "设备在心跳中报告故障，故障子设备 {faulty_count} 个。请检查设备。",
        "Its heartbeat reports trouble; {faulty_count} children do not work. Look at the device.",
    ),
    "clock": (
        "设备时钟误差 {clock_error_s:+.0f} 秒。",
        "Its clock is off by {clock_error_s:+.0f} s.",
    ),
    "clock_off": (
        "设备时钟误差 {clock_error_s:+.0f} 秒，按时间查找录像会找错。请为设备设置 NTP 或注册校时。",
        "Its clock is off by {clock_error_s:+.0f} s: recordings are found at the wrong time. Give "
        "it NTP, or let it take the time from its registration.",
    ),
    "clock_unknown": (
        "设备还没有发来可测量的时间。",
        "It has sent no time that could be measured.",
    ),
    # --- channel
    "channel": ("通道状态为在线。", "The channel is on."),
    "channel_off": (
        "设备报告该通道为 OFF：摄像机与录像机之间的连接或摄像机本身有问题。请检查摄像机。",
        "The device reports this channel as OFF: the camera, or its link to the recorder, is down. "
        "Look at the camera.",
    ),
    "channel_hidden": (
        "通道已被操作员隐藏。",
        "An operator has hidden this channel.",
    ),
    # --- invite
    "invite": ("设备接受了点播。", "The device accepted the call."),
    "invite_none": (
        "还没有点播过，可用 try=true 实际拉流验证。",
        "Its picture was not asked for yet; try=true really pulls it.",
    ),
    "invite_timeout": (
        "设备没有应答点播。请检查平台到设备的方向是否通（NAT、防火墙），以及设备是否死机。",
        "The device did not answer the INVITE. Check the way from here to it (NAT, firewall), and "
        "whether it hangs.",
    ),
    "invite_rejected": (
        "设备拒绝了点播：{sip_status}（{message}）。",
        "The device refused the call: {sip_status} ({message}).",
    ),
    "invite_busy": (
        "设备拒绝了点播：{sip_status}，设备忙或已达最大取流路数。请减少同时观看的路数，或改用子码流。",
        "The device refused the call with {sip_status}: busy, or out of streams. Pull fewer at a "
        "time, or the sub-stream.",
    ),
    "invite_unknown_channel": (
        "设备拒绝了点播：{sip_status}，设备不认识通道 {reported_id}。请重新查询目录，并检查设备上"
        "的通道编号。",
        "The device refused the call with {sip_status}: it does not know channel {reported_id}. "
        "Query the catalog again and check the channel's id in the device.",
    ),
    "invite_media": (
        "设备拒绝了点播：{sip_status}，不支持所要求的媒体方式（{transport}）。请改用其他传输方式。",
        "The device refused the call with {sip_status}: not with this kind of media ({transport}). "
        "Set another transport for the device.",
    ),
    "no_port": (
        "平台没有空闲的媒体端口：{message}。请扩大 media.ports。",
        "No media port is free here: {message}. Widen media.ports.",
    ),
    # --- media
    "media": (
        "媒体正在到达：{packets} 个包，丢失 {lost} 个。",
        "Media arrives: {packets} packets, {lost} lost.",
    ),
    "media_before": ("最近一次点播收到了画面。", "The last pull had a picture."),
    "media_unknown": ("还不知道媒体是否能到达。", "Whether media arrives is not known yet."),
    "no_media": (
        "设备接受了点播，但没有媒体到达 {local}（{transport}）。请检查防火墙是否放行该端口，"
        "平台告知设备的媒体地址（media.host）设备能否访问；NAT 之后的设备请用 tcp-passive。",
        "The device accepted, but nothing arrived at {local} ({transport}). Check firewalls for "
        "that port and that the device can reach the address it was told (media.host); behind NAT "
        "use tcp-passive.",
    ),
    "media_foreign": (
        "媒体来自未被允许的地址 {foreign_source}，已丢弃 {foreign} 个包。若该地址可信，请加入 "
        "media.allow。",
        "Media came from {foreign_source}, which is not allowed: {foreign} packets were dropped. "
        "If that address is trusted, add it to media.allow.",
    ),
    "media_stopped": (
        "画面曾经出现，后来媒体中断：{message}。请检查网络和设备。",
        "There was a picture, then media stopped: {message}. Check network and device.",
    ),
    "device_bye": (
        "设备主动结束了点播（BYE）。请检查设备是否重启或限制了取流。",
        "The device ended the call by itself (BYE). Check whether it restarted or limits streams.",
    ),
    # --- decodable
    "decodable": ("画面可解码：{video} {size}。", "The picture can be decoded: {video} {size}."),
    "decodable_unknown": ("还没有收到可解码的画面。", "No picture has been decoded yet."),
    "no_key_frame": (
        "媒体已到达，但没有关键帧：{packets} 个包，{frames} 帧。请检查丢包和设备的 I 帧间隔。",
        "Media arrives without a key frame: {packets} packets, {frames} frames. Check packet loss "
        "and the I-frame interval of the device.",
    ),
    "unsupported_codec": (
        "设备使用了不支持的编码：{message}。请将设备改为 H.264 或 H.265。",
        "The codec of the device cannot be carried: {message}. Set it to H.264 or H.265.",
    ),
    "skipped": ("前面的检查未通过，此项未判断。", "Not judged, because an earlier check failed."),
    "all_good": ("未发现问题。", "Nothing wrong was found."),
}


def say(key: str, evidence: Mapping[str, Any]) -> dict[str, str]:
    """Both languages, filled in."""
    chinese, english = WORDS[key]
    return {"zh": chinese.format(**evidence), "en": english.format(**evidence)}
