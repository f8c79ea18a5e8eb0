/** Input from logs, and descriptions of logs, witnesses and proofs. */
import { judgeRecord } from '../../../src/audit/rules/judge-record.js'
import { readPlain } from '../../../src/audit/rules/plain-record.js'
import { claimedLeaves, readRecords } from '../../../src/audit/walk/data-tile.js'
import {
  formatRecord,
  MAX_LOOKUP_BYTES,
  parseLookup,
  recordReadings,
  splitDataTile,
} from '../../../src/sumdb/module.js'
import { concatBytes, fromUtf8, toHex, utf8 } from '../../../src/tlog/bytes.js'
import { formatHash, hashLeaf, parseHash, sha256 } from '../../../src/tlog/hash.js'
import { parseLogList } from '../../../src/tlog/log-list.js'
import { MAX_POLICY_BYTES, parsePolicy, quorumSatisfied, quorumThreshold } from '../../../src/tlog/policy.js'
import { policyStrength } from '../../../src/tlog/policy-strength.js'
import { formatProofFile, MAX_PROOF_FILE_BYTES, parseProofFile } from '../../../src/tlog/proof-file.js'
import { MAX_RECORD_BYTES, parseRecord, recordLines } from '../../../src/tlog/record.js'
import { parseTilePath, tilePath } from '../../../src/tlog/tile.js'
import { GO_SUM, head, logSigner, PUBLIC_KEY, second, witness } from './material.js'
import { repairedPolicy, repairedRecord } from './repairs.js'
import { ofText, promise, reading, same, sameJson, type Target } from './target.js'
import { treeProof } from './tree-proof.js'

const tile: Target = {
  about: 'paths of tiles',
  most: 512,
  words: ['tile/', '8/', 'data/', 'x001/', '/000', '.p/', '.p/255', '.p/256', '63/', '30/', '9007199254740992'],
  seeds: ['tile/8/0/x001/x234/067.p/5', 'tile/8/data/000', 'tile/30/2/999.p/1073741823', 'tile/1/63/x999/x999/999'],
  check: ofText((path) => {
    const read = reading(() => parseTilePath(path), 'TILE_MALFORMED')
    if (read === undefined) return false
    promise(tilePath(read) === path, 'a path is what is written for its tile')
    return true
  }),
  go: {
    ask: 'tile',
    ours: (bytes) => {
      const path = fromUtf8(bytes)
      const read = path === undefined ? undefined : reading(() => parseTilePath(path), 'TILE_MALFORMED')
      return read && `${read.height} ${read.level} ${read.index} ${read.width}`
    },
    licence: (_bytes, ours, go) => {
      if (ours !== undefined || go === undefined) return undefined
      const [, level, index] = go.split(' ').map(Number)
      return level! > 63 || index! > Number.MAX_SAFE_INTEGER ? 'tile-beyond' : undefined
    },
  },
}

const lookup: Target = {
  about: 'answers to lookups',
  most: MAX_LOOKUP_BYTES,
  words: ['\n\n', '0\n', '42\n', GO_SUM, head(8), '9007199254740992\n'],
  seeds: [`42\n${GO_SUM}\n${head(8)}`, `0\nx\n\n`, `9007199254740991\n${GO_SUM}\n`],
  check: (bytes) => {
    const read = reading(() => parseLookup(bytes), 'RECORD_INVALID')
    if (read === undefined) return false
    const written = concatBytes(formatRecord(read.id, read.record), read.note)
    same(written, bytes, 'an answer is what is written for what is read')
    return true
  },
  go: {
    ask: 'record',
    ours: (bytes) => {
      const read = reading(() => parseLookup(bytes), 'RECORD_INVALID')
      return read && `${read.id} ${toHex(sha256(read.record))} ${toHex(sha256(read.note))}`
    },
    licence: (bytes, ours, go) => {
      if (ours !== undefined || go === undefined) return undefined
      const [id] = (fromUtf8(bytes.subarray(0, bytes.indexOf(0x0a))) ?? '').split('\n')
      if (!/^(0|[1-9][0-9]*)$/.test(id!)) return 'record-number'
      // Such a record vouches for nothing here; the audit reports it as a fault of the log (record-blank-line).
      if (bytes[id!.length + 1] === 0x0a) return 'record-empty-line'
      if (!Number.isSafeInteger(Number(id))) return 'record-beyond'
      return bytes.length > MAX_RECORD_BYTES ? 'record-size' : undefined
    },
  },
}

const record: Target = {
  about: 'records, as the audit judges them',
  most: MAX_RECORD_BYTES + 1,
  words: [
    ...GO_SUM.split(/(?<=[ \n])/),
    '/go.mod',
    ' h1:',
    'v0.3.0',
    '+incompatible',
    '-0.20200101000000-0123456789ab',
    'gopkg.in/',
  ],
  seeds: [
    GO_SUM,
    GO_SUM.replaceAll('v0.3.0', 'v0.0.0-20200101000000-0123456789ab'),
    GO_SUM.replaceAll('v0.3.0', 'v2.0.0+incompatible'),
    GO_SUM.replaceAll('golang.org/x/text', 'gopkg.in/yaml.v2').replaceAll('v0.3.0', 'v2.1.0-rc.1'),
  ],
  repair: repairedRecord,
  check: (bytes) => {
    const verdict = judgeRecord(bytes)
    promise(new Set(verdict.broken.map(({ rule }) => rule)).size === verdict.broken.length, 'each rule once')
    for (const { detail } of verdict.broken) promise(detail.length < 2000, 'the words of a broken rule are bounded')
    const into = { pathEnd: 0, versionStart: 0, versionEnd: 0 }
    // In the middle of other bytes, as in a tile.
    const plain = readPlain(concatBytes(utf8('x'), bytes, utf8('x')), 1, 1 + bytes.length, into)
    if (plain) {
      promise(verdict.broken.length === 0, `plain, and yet ${verdict.broken.map(({ rule }) => rule).join()}`)
      const { path, version } = verdict.module!
      const named = [
        fromUtf8(bytes.subarray(0, into.pathEnd - 1)),
        fromUtf8(bytes.subarray(into.versionStart - 1, into.versionEnd - 1)),
      ]
      sameJson(named, [path, version], 'the names of a plain record')
    }
    const text = reading(() => parseRecord(bytes), 'RECORD_INVALID')
    if (verdict.broken.length > 0) return false
    promise(text !== undefined && recordLines(text).length === 2, 'a record without fault has two lines')
    return true
  },
}

const dataTile: Target = {
  about: 'data tiles',
  most: 512 * 1024,
  words: ['\n', '\n\n', '0\n', '1\n', '2\n', GO_SUM, '\0\x05'],
  seeds: [
    `${GO_SUM}\n${GO_SUM}\n${GO_SUM}`,
    `0\n${GO_SUM}\n1\n${GO_SUM}\n2\n${GO_SUM}\n`,
    '\0\x05hello\0\x01a\0\0',
    'a\n\nb\n\nc\n',
  ],
  check: (bytes) => {
    for (const layout of ['data', 'entries'] as const) {
      const leaves = claimedLeaves(bytes, 0, 3, layout)
      const width = leaves.length / 32
      if (width === 0) continue
      const read = readRecords(bytes, { first: 0, width, leaves }, layout)
      promise(!('missing' in read), 'a tile has the records that it claims to have')
      read.each(0, width, (data, start, end, i) =>
        same(hashLeaf(data.subarray(start, end)), leaves.subarray(32 * i, 32 * i + 32), 'a record is that of its leaf'),
      )
    }
    const parts = reading(() => splitDataTile(bytes), 'RECORD_INVALID')
    if (parts === undefined) return false
    promise(
      parts.every((part) => recordReadings(part).length <= 2),
      'one or two readings',
    )
    const written = concatBytes(...parts.flatMap((part) => [part, utf8('\n')]))
    promise(fromUtf8(written)!.startsWith(fromUtf8(bytes)!), 'a tile is its records with empty lines between them')
    return true
  },
}

const keyLine = `witness w ${witness.verifier.vkey} https://w.example`
const POLICY = [
  `log ${logSigner.verifier.vkey} https://log.example`,
  keyLine,
  `witness m ${second.verifier.vkey}`,
  'group g 1 w m',
  'quorum g',
  '',
].join('\n')

const policy: Target = {
  about: 'policies',
  most: MAX_POLICY_BYTES + 1,
  words: [
    ...POLICY.split(/(?<=[ \n])/),
    'group ',
    'any ',
    'all ',
    '2 ',
    'none',
    'quorum ',
    '# ',
    '\t',
    'a+00000000+//8=',
  ],
  seeds: [POLICY, 'quorum none\n', POLICY.replace('1 w', 'all w'), POLICY.replace('quorum g', 'quorum w')],
  repair: repairedPolicy,
  check: (bytes) => {
    const read = reading(() => parsePolicy(bytes), 'POLICY_MALFORMED')
    if (read === undefined) return false
    const all = new Set(read.witnesses.flatMap(({ key }) => (key === undefined ? [] : [key.vkey])))
    promise(quorumSatisfied(read, new Set()) === (read.quorum === 'none'), 'nobody is no quorum')
    // Keys of unknown types never count: they may make a quorum impossible.
    if (quorumSatisfied(read, all)) promise(read.quorum === 'none' || all.size > 0, 'a quorum has members')
    promise(quorumSatisfied(read, all) === quorumThreshold(read) <= all.size, 'all together are a quorum, or none is')
    policyStrength(read)
    return true
  },
}

const LIST = [
  'logs/v0',
  '',
  `vkey ${logSigner.verifier.vkey}`,
  'qpd 86400',
  'contact a@b',
  `vkey ${PUBLIC_KEY}`,
  'origin go.sum database tree',
  'qpd 1',
  'contact x',
  '',
].join('\n')

const logList: Target = {
  about: 'log lists',
  most: 1024 * 1024,
  words: [...LIST.split(/(?<=[ \n])/), '# ', '\r\n', '\u00a0', '2147483648'],
  seeds: [LIST, LIST.replaceAll('\n', '\r\n'), 'logs/v0\n'],
  check: ofText((text) => {
    const read = reading(() => parseLogList(text), 'LOG_LIST_MALFORMED')
    if (read === undefined) return false
    const lines = read.logs.flatMap(({ key, origin, perDay }) => [
      `vkey ${key.vkey}`,
      `origin ${origin}`,
      `qpd ${perDay}`,
      'contact x',
    ])
    const again = parseLogList(['logs/v0', ...lines, ''].join('\n'))
    sameJson(again.logs, read.logs, 'a list that says the same')
    promise(again.format === 'c2sp.org/tlog-list', 'written plainly it is a list of C2SP')
    return true
  }),
}

const proofFile: Target = {
  about: 'proof files',
  most: MAX_PROOF_FILE_BYTES,
  words: ['c2sp.org/tlog-proof@v1\n', 'extra ', 'index ', '\n\n', `${formatHash(new Uint8Array(32))}\n`, 'AAA=\n'],
  seeds: [
    formatProofFile({ index: 5, proof: [new Uint8Array(32), new Uint8Array(32).fill(1)], note: utf8(head(8)) }),
    formatProofFile({ index: 0, proof: [], extra: utf8('x'), note: utf8(head(1)) }),
  ],
  check: (bytes) => {
    const read = reading(() => parseProofFile(bytes), 'PROOF_MALFORMED', 'PROOF_TOO_LARGE')
    if (read === undefined) return false
    same(formatProofFile(read), bytes, 'a file is what is written for what is read')
    return true
  },
}

const hash: Target = {
  about: 'hashes in base64',
  most: 256,
  words: ['=', 'A', '+', '/', '-', '_', formatHash(new Uint8Array(32).fill(255))],
  seeds: [formatHash(new Uint8Array(32)), formatHash(sha256(new Uint8Array()))],
  check: ofText((text) => {
    const read = parseHash(text)
    if (read !== undefined) promise(formatHash(read) === text && read.length === 32, 'a hash has one spelling')
    return read !== undefined
  }),
}

export const LOGS: Readonly<Record<string, Target>> = {
  'tile-path': tile,
  lookup,
  record,
  'data-tile': dataTile,
  policy,
  'log-list': logList,
  'proof-file': proofFile,
  'tree-proof': treeProof,
  hash,
}
