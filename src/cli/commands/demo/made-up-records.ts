/** Records of made-up modules, for logs of the demo. Pure. */
import type { NewRecord } from '../../../sumdb/log-server.js'
import { toBase64, utf8 } from '../../../tlog/bytes.js'
import { sha256 } from '../../../tlog/hash.js'

/** Two go.sum lines of a made-up module; another `salt` makes another history. */
export function record(n: number, salt: string): NewRecord {
  const path = `example.com/module${n}`
  const version = 'v1.0.0'
  const hash = toBase64(sha256(utf8(`${salt} ${n}`)))
  return { path, version, text: `${path} ${version} h1:${hash}\n${path} ${version}/go.mod h1:${hash}\n` }
}

export function records(from: number, count: number, salt: string): NewRecord[] {
  return Array.from({ length: count }, (_, i) => record(from + i, salt))
}
