/** RFC 3339 times to the nanosecond, read and written like Go does. Pure. */

/** A moment: whole seconds since 1970, plus nanoseconds, 0 to 999,999,999. */
export interface Moment {
  readonly seconds: number
  readonly nanos: number
}

const FORM = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,30}))?(?:Z|([+-])(\d\d):(\d\d))$/
const NANO_DIGITS = 9

/** The moment that a text denotes; undefined if it does not denote one. Digits after the ninth are ignored. */
export function parseMoment(text: string): Moment | undefined {
  const [, ...found] = FORM.exec(text) ?? []
  const [year, month, day, hour, minute, second, fraction = '', sign, hours = '0', minutes = '0'] = found
  if (year === undefined || Number(hours) > 23 || Number(minutes) > 59) return undefined
  const date = [Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)] as const
  const at = new Date(0)
  at.setUTCFullYear(date[0], date[1], date[2])
  at.setUTCHours(date[3], date[4], date[5])
  const isDate = at.getUTCMonth() === date[1] && at.getUTCDate() === date[2] && at.getUTCHours() === date[3]
  if (!isDate || at.getUTCMinutes() !== date[4] || at.getUTCSeconds() !== date[5]) return undefined
  const offset = (Number(hours) * 60 + Number(minutes)) * 60 * (sign === '-' ? -1 : 1)
  return {
    seconds: at.getTime() / 1000 - offset,
    nanos: Number(fraction.slice(0, NANO_DIGITS).padEnd(NANO_DIGITS, '0')),
  }
}

/** The moment in UTC, its fraction without trailing zeros (Go's RFC3339Nano). */
export function formatMoment({ seconds, nanos }: Moment): string {
  const fraction = nanos === 0 ? '' : `.${String(nanos).padStart(NANO_DIGITS, '0').replace(/0+$/, '')}`
  return `${new Date(seconds * 1000).toISOString().slice(0, -'.000Z'.length)}${fraction}Z`
}

/** Negative when the first is earlier, positive when it is later. */
export function compareMoments(a: Moment, b: Moment): number {
  return a.seconds - b.seconds || a.nanos - b.nanos
}
