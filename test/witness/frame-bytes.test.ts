import { expect, test } from 'vitest'
import { toBase64, utf8 } from '../../src/tlog/bytes.js'
import { headBytes, promiseBytes } from '../../src/witness/frame-bytes.js'

const HEAD = 'origin "of a log"\n5\nroot\n\n— log.example Zm9v\n'

test('a head counts as many bytes as its JSON and the comma after it', () => {
  for (const text of ['', 'a', HEAD, '—'.repeat(100)])
    expect(headBytes(utf8(text))).toBe(Buffer.byteLength(`${JSON.stringify(text)},`))
})

test.each([
  ['short', 'w', 64],
  ['long', `${'w'.repeat(200)}+01020304+AAAA`, 2420],
])(
  'a promise with a %s key and signature counts at least its bytes, however large its numbers are',
  (_, witness, size) => {
    const most = Number.MAX_SAFE_INTEGER
    const promise = {
      log: 'f'.repeat(64),
      witness,
      seq: most,
      time: most,
      head: utf8(HEAD),
      signature: new Uint8Array(size),
    }
    const sent = JSON.stringify({ ...promise, head: HEAD, signature: toBase64(promise.signature) })
    const bytes = promiseBytes(promise)
    expect(bytes).toBeGreaterThan(Buffer.byteLength(sent))
    expect(bytes - Buffer.byteLength(sent)).toBeLessThan(256)
  },
)
