/** Which part of a file a request asks for (RFC 9110, section 14). Pure. */
import type { IncomingHttpHeaders } from 'node:http'

/** A part of a file, in bytes. */
export interface BytePart {
  readonly start: number
  readonly length: number
}

/**
 * The single part that is requested; undefined for the whole file: without a range, with several or an invalid one, or
 * if the client has a part of another file (If-Range). `unsatisfiable` for a part beyond the end.
 */
export function partOf(
  headers: IncomingHttpHeaders,
  etag: string,
  size: number,
): BytePart | 'unsatisfiable' | undefined {
  const { range, 'if-range': of } = headers
  // SPEC: RFC 9110, section 13.1.5: a date never matches here, for the answer has none.
  if (range === undefined || (of !== undefined && of !== etag)) return undefined
  // SPEC: RFC 9110, section 14.2: a header that is not understood is ignored.
  const [, first = '', last = ''] = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/.exec(range) ?? []
  if (first === '') return last === '' ? undefined : suffix(Number(last), size)
  const start = Number(first)
  const end = last === '' ? size : Math.min(Number(last) + 1, size)
  if (last !== '' && Number(last) < start) return undefined
  return start >= size ? 'unsatisfiable' : { start, length: end - start }
}

/** The last bytes. */
function suffix(bytes: number, size: number): BytePart | 'unsatisfiable' {
  const length = Math.min(bytes, size)
  return length === 0 ? 'unsatisfiable' : { start: size - length, length }
}
