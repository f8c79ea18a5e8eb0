/** Files of the home and of the operator: the journal, states, parts of an audit, keys. */
import { KeyCollector } from '../../../src/audit/walk/module-keys.js'
import { encodePart, parsePart } from '../../../src/audit/walk/part-text.js'
import { keysInAnswer, signatureInAnswer } from '../../../src/keys/ssh/agent-answer.js'
import { isOpenSshKey, parseOpenSshKey } from '../../../src/keys/ssh/openssh-key.js'
import { publicKeyBlob, sshString, uint32 } from '../../../src/keys/ssh/ssh-wire.js'
import { formatRanges, parseRanges } from '../../../src/mirror/index/ranges.js'
import { decodeKeptAnswer, encodeKeptAnswer } from '../../../src/mirror/kept-checks.js'
import { CHAIN_START, firstWrite, formatJournal, formatWrite, readJournal } from '../../../src/store/journal-text.js'
import { decodeState, encodeState, NOTHING } from '../../../src/store/log-state.js'
import { concatBytes, fromUtf8, toBase64, toHex, utf8 } from '../../../src/tlog/bytes.js'
import { ed25519PublicKey } from '../../../src/tlog/native.node.js'
import { sha256 } from '../../../src/tlog/hash.js'
import { head, history, witness } from './material.js'
import { repairedPart, repairedSshKey } from './repairs.js'
import { ofText, promise, reading, same, sameJson, type Target } from './target.js'

const LOG = 'ab'.repeat(32)
const STATE = encodeState({
  seq: 3,
  origin: 'go.sum database tree',
  tree: history.tree(8),
  note: head(8),
  signed: { key: witness.verifier.vkey, size: 8, time: 1 },
  holds: [{ id: 'x', acked: false }],
})
const start = formatJournal([[LOG, STATE]], CHAIN_START)
const more = formatWrite(
  [
    [LOG, encodeState({ ...NOTHING, seq: 4 })],
    ['cd'.repeat(32), '{}'],
  ],
  start.chain,
)

/** Gives each line its correct hash, and that of the line before it. */
function rechained(bytes: Uint8Array): Uint8Array {
  let before: string | undefined
  const lines = new TextDecoder().decode(bytes).split('\n')
  return utf8(
    lines
      .map((line) => {
        const [, body] = /^(.*) [0-9a-f]{64}$/s.exec(line) ?? []
        if (body === undefined) return line
        const linked = before === undefined ? body : body.replace(/^(\d+ \d+ \S+) [0-9a-f]{64} /, `$1 ${before} `)
        before = toHex(sha256(utf8(linked)))
        return `${linked} ${before}`
      })
      .join('\n'),
  )
}

const journal: Target = {
  about: 'journals',
  most: 512 * 1024,
  words: ['gossum-journal/1 ', '1 0 ', `${LOG} `, '{}', '\0\0\0\0', '0'.repeat(64), '\n'],
  seeds: [start.text, start.text + more.text, formatJournal([], CHAIN_START).text],
  repair: rechained,
  check: (bytes) => {
    const { states, chain, damage } = readJournal(bytes)
    firstWrite(bytes)
    if (damage !== undefined) return false
    // What follows a complete journal is read with it, and everything that was read is written completely.
    const again = readJournal(utf8(formatJournal([...states], chain).text))
    sameJson([again.damage, [...again.states]], [undefined, [...states]], 'a journal is read as it is written')
    // What a crash has left at the end is removed before more is written.
    if (bytes.at(-1) !== 0x0a || bytes.includes(0)) return true
    const longer = readJournal(concatBytes(bytes, utf8(formatWrite([[LOG, '{"seq":9}']], chain).text)))
    if (longer.damage === undefined)
      promise(longer.states.get(LOG) === '{"seq":9}', 'the last state of a log is the last one')
    return true
  },
}

const state: Target = {
  about: 'states of logs',
  most: 64 * 1024,
  words: [
    '"seq":',
    '"holds":[',
    '"tree":',
    '"size":',
    '"root":',
    '"dispute":{',
    '"others":[',
    '"why":',
    'null',
    '"signed":{',
    '"floor":{',
  ],
  seeds: [STATE, encodeState(NOTHING), encodeState(NOTHING, { why: 'x', others: [NOTHING] })],
  check: ofText((text) => {
    const read = decodeState(text)
    if (read === undefined) return false
    const again = decodeState(encodeState(read.state, read.dispute))
    sameJson(again, read, 'a state is read as it was written')
    return true
  }),
}

const ranges: Target = {
  about: 'ranges of an index',
  most: 4096,
  words: ['[0,1]', ',', '[', ']', 'null', '1e400', '9007199254740993', '""'],
  seeds: ['[[0,5],[7,9]]', '[]'],
  check: ofText((text) => {
    const read = parseRanges(text)
    if (read === undefined) return false
    for (const { from, to } of read) {
      promise(Number.isSafeInteger(from) && Number.isSafeInteger(to) && 0 <= from && from < to, `a range ${from} ${to}`)
    }
    sameJson(parseRanges(formatRanges(read)), read, 'ranges are read as they are written')
    return true
  }),
}

const keptAnswer: Target = {
  about: 'answers of upstreams that a mirror keeps',
  most: 64 * 1024,
  words: ['\n', 'GET x\n'],
  seeds: [encodeKeptAnswer('list a.b/c', utf8('v1.0.0\n'))],
  repair: (bytes) => concatBytes(utf8(`${toHex(sha256(bytes.subarray(65)))}\n`), bytes.subarray(65)),
  check: (bytes) => {
    const read = decodeKeptAnswer(bytes)
    if (read === undefined) return false
    if (fromUtf8(bytes) !== undefined)
      same(encodeKeptAnswer(read.question, read.body), bytes, 'an answer has one spelling')
    return true
  },
}

/** A part of an audit in file format. */
export function genuinePart(): Uint8Array {
  const keys = new KeyCollector()
  keys.add({ high: 5, low: 6 }, 0)
  keys.add({ high: 2 ** 31, low: 7 }, 1)
  const finding = { rule: 'record-empty', level: 'error', id: 70_000, detail: 'x' } as const
  return encodePart({
    ...{ from: 70_000, to: 70_002, audited: 2, counts: { error: 1, note: 0 }, findings: [finding] },
    ...{ hashes: [new Uint8Array(32)], keys: keys.take(), missing: [] },
  })
}

const auditPart: Target = {
  about: 'parts of an audit',
  most: 64 * 1024,
  words: [
    '"findings":[',
    '"counts":{"error":0,"note":0}',
    '"from":0',
    '"to":65536',
    '"hashes":[',
    'gossum/audit-part/v1',
    'null',
  ],
  seeds: [genuinePart(), genuinePart().subarray(0, 200)],
  repair: repairedPart,
  check: (bytes) => {
    const read = reading(() => parsePart(bytes), 'AUDIT_DAMAGED')
    if (read === undefined) return false
    sameJson(parsePart(encodePart(read)), read, 'a part is read as it is written')
    return true
  },
}

const SEED = new Uint8Array(32).fill(5)

function openSsh(): string {
  const publicKey = ed25519PublicKey(SEED)
  const pair = concatBytes(SEED, publicKey)
  const secret = concatBytes(uint32(1), uint32(1), publicKeyBlob(publicKey), sshString(pair), sshString(''))
  const padding = Uint8Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, i) => i + 1)
  const bytes = concatBytes(
    ...[utf8('openssh-key-v1\0'), sshString('none'), sshString('none'), sshString(''), uint32(1)],
    ...[sshString(publicKeyBlob(publicKey)), sshString(concatBytes(secret, padding))],
  )
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${toBase64(bytes)}\n-----END OPENSSH PRIVATE KEY-----\n`
}

/** The bytes of a key in its armour. */
const sshKey: Target = {
  about: 'private keys of OpenSSH',
  most: 16 * 1024,
  words: ['\0\0\0\x0bssh-ed25519', '\0\0\0\x20', '\0\0\0\x04none', '\xff\xff\xff\xff'],
  seeds: [Uint8Array.from(Buffer.from(openSsh().split('\n')[1]!, 'base64'))],
  repair: repairedSshKey,
  check: (bytes) => {
    const text = `-----BEGIN OPENSSH PRIVATE KEY-----\n${toBase64(bytes)}\n-----END OPENSSH PRIVATE KEY-----\n`
    promise(isOpenSshKey(text), 'it looks like one')
    const seed = reading(() => parseOpenSshKey(text), 'KEY_MALFORMED')
    if (seed === undefined) return false
    const [file, pair] = [bytes, concatBytes(seed, ed25519PublicKey(seed))].map((one) => Buffer.from(one))
    promise(file!.includes(pair!), 'the key stands in it, with what follows from it')
    return true
  },
}

const SIGNATURE = new Uint8Array(64).fill(7)
const blob = publicKeyBlob(ed25519PublicKey(SEED))

/** The first byte selects the request. */
const agentAnswer: Target = {
  about: 'answers of an ssh-agent',
  most: 64 * 1024,
  words: ['\x0c\0\0\0\x01', '\x0e', '\0\0\0\x0bssh-ed25519', '\0\0\0\x20', '\0\0\0\0', '\xff\xff\xff\xff', '\x05'],
  seeds: [
    concatBytes(
      Uint8Array.of(12),
      uint32(2),
      sshString(blob),
      sshString('me'),
      sshString(sshString('ssh-rsa')),
      sshString(''),
    ),
    concatBytes(Uint8Array.of(14), sshString(concatBytes(sshString('ssh-ed25519'), sshString(SIGNATURE)))),
    Uint8Array.of(5),
  ],
  check: (bytes) => {
    const keys = reading(() => keysInAnswer(bytes), 'AGENT_UNAVAILABLE')
    for (const { publicKey, fingerprint } of keys ?? [])
      promise(publicKey.length === 32 && /^SHA256:[A-Za-z0-9+/]{43}$/.test(fingerprint), 'a key and its fingerprint')
    const signature = reading(() => signatureInAnswer(bytes), 'AGENT_UNAVAILABLE')
    promise(keys === undefined || signature === undefined, 'an answer is of one kind')
    if (signature !== undefined)
      same(
        concatBytes(Uint8Array.of(14), sshString(concatBytes(sshString('ssh-ed25519'), sshString(signature)))),
        bytes,
        'an answer has one spelling',
      )
    return keys !== undefined || signature !== undefined
  },
}

export const FILES: Readonly<Record<string, Target>> = {
  journal,
  state,
  ranges,
  'kept-answer': keptAnswer,
  'audit-part': auditPart,
  'ssh-key': sshKey,
  'agent-answer': agentAnswer,
}
