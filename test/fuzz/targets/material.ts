/** Genuine material for seeds: keys, heads, cosignatures, all from fixed seeds. */
import { fromUtf8, utf8 } from '../../../src/tlog/bytes.js'
import { cosign } from '../../../src/tlog/cosignature.js'
import { makeSignerKey, parseNote, SIGNATURE_TYPES, spellNote, type SignerKey } from '../../../src/tlog/note.js'
import { History } from '../../helpers/history.js'

export const TIME = 1_700_000_000

function key(name: string, byte: number, type: number = SIGNATURE_TYPES.ed25519): SignerKey {
  return makeSignerKey(name, type as 1, new Uint8Array(32).fill(byte))
}

export const logSigner = key('log.example', 1)
export const witness = key('witness.example', 7, SIGNATURE_TYPES.cosignature)
export const second = key('witness.example', 8, SIGNATURE_TYPES.mlDsa)
export const history = new History(logSigner)
export const fork = history.fork(3, 'b')

export function head(size: number, of = history): string {
  return fromUtf8(of.head(size))!
}

export function cosigned(note: string, ...by: readonly SignerKey[]): string {
  const { text, signatures } = parseNote(utf8(note))
  return spellNote({ text, signatures: [...signatures, ...by.map((one) => cosign(text, TIME, one).signature)] })
}

export const GO_SUM = [
  'golang.org/x/text v0.3.0 h1:g61tztE5qeGQ89tm6NTjjM9VPIm088od1l6aSorWRWg=',
  'golang.org/x/text v0.3.0/go.mod h1:NqM8EUOU14njkJ3fqMW+pc6Ldnwhi/IjpwHt7yyuwOQ=',
  '',
].join('\n')

/** A head of sum.golang.org. */
export const PUBLIC_KEY = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8'
export const PUBLIC_HEAD =
  'go.sum database tree\n59270573\nEkQheTMImOKVKhTERgxIOyW9t32zrpLrv5Gfgm9iG4U=\n\n' +
  '— sum.golang.org Az3grnSQw1iR+/V/api81ZxagDTVFbxlBJAJ/TKv0lajAQ6AJytchgY+ix6LAvNWiZ5eeN7BXNQWHGRhIQcW3F+mQAI=\n'
