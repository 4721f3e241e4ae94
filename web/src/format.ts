// Numbers as operators read them.

export function rateOf(place: { online: number; total: number }): number | null {
  return place.total > 0 ? (100 * place.online) / place.total : null
}

// 99.96 % is not all of them: never rounded up to 100.
export function percent(rate: number | null): string {
  if (rate === null) return '–'
  const shown = Math.floor(rate * 10) / 10
  return `${Number.isInteger(shown) ? shown : shown.toFixed(1)}%`
}

export function bitRate(kbps: number): string {
  return kbps >= 1000 ? `${(kbps / 1000).toFixed(1)} Mbit/s` : `${Math.round(kbps)} kbit/s`
}

export type Health = 'all' | 'some' | 'none' | 'empty'

export function healthOf(place: { online: number; total: number }): Health {
  if (place.total === 0) return 'empty'
  if (place.online === 0) return 'none'
  return place.online === place.total ? 'all' : 'some'
}

// The time of day here, 24 hours, with seconds.
export function clock(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB', { hour12: false })
}
