/** Names of modules, and go.sum files, go.mod files, and answers of proxies, indexes and owners about them. */
import { lineText, parseGoSum } from '../../../src/audit/gosum.js'
import { judgePath } from '../../../src/audit/rules/judge-path.js'
import { judgeVersion } from '../../../src/audit/rules/judge-version.js'
import { compareMoments, formatMoment, parseMoment } from '../../../src/lib/rfc3339.js'
import { parseLine } from '../../../src/mirror/index/feed-pages.js'
import { formatList, MAX_INFO_BYTES, MAX_LIST_BYTES, parseInfo, parseList } from '../../../src/mirror/version-info.js'
import { compareVersions, isCanonicalVersion, isPseudoVersion } from '../../../src/mirror/versions.js'
import { badFilePath, folded } from '../../../src/module/file-path.js'
import { isSinceGo124, modulePathIn, synthesizedGoMod } from '../../../src/module/go-mod-text.js'
import { isPrivate } from '../../../src/sumdb/goprivate.js'
import {
  escapeModule,
  escapePath,
  escapeQuery,
  MAX_MODULE_LENGTH,
  unescapeModule,
  unescapePath,
  unescapeQuery,
} from '../../../src/sumdb/module-version.js'
import { fromUtf8, toBase64, utf8 } from '../../../src/tlog/bytes.js'
import { parseReleases } from '../../../src/watch/releases.js'
import { GO_SUM, logSigner } from './material.js'
import { ofText, promise, reading, sameJson, type Target } from './target.js'
import { moduleZip } from './zips.js'

const NAME_WORDS = [
  'example.com/',
  'M',
  '!m',
  '@',
  'v1.2.3',
  'v0.0.0-20200101000000-0123456789ab',
  '+incompatible',
  '/v2',
  'gopkg.in/a.v1',
  '.v0-unstable',
  '~1',
  'con',
  '.',
]

function cutAt(text: string): [string, string] {
  const at = text.indexOf('@')
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

const module: Target = {
  about: 'module versions, to be asked for',
  most: 2048,
  words: NAME_WORDS,
  seeds: ['github.com/Azure/azure-sdk-for-go@v68.0.0+incompatible', 'golang.org/x/text@v0.3.0', 'a.b/C@v1.0.0-RC.1'],
  check: ofText((text) => {
    const [path, version] = cutAt(text)
    const alone = reading(() => escapePath(path), 'MODULE_INVALID')
    if (alone !== undefined) promise(unescapePath(alone) === path && !/[A-Z]/.test(alone), 'a path comes back')
    const query = reading(() => escapeQuery(version), 'MODULE_INVALID')
    if (query !== undefined) promise(unescapeQuery(query) === version, 'a query comes back')
    const escaped = reading(() => escapeModule(path, version), 'MODULE_INVALID')
    const isWithoutFault = judgePath(path).length === 0 && judgeVersion(path, version).length === 0
    if (isWithoutFault && text.length < MAX_MODULE_LENGTH / 2)
      promise(escaped !== undefined, 'what no rule objects to can be asked for')
    if (escaped === undefined) return false
    sameJson(unescapeModule(escaped), { path, version }, 'a module comes back')
    promise(!escaped.includes('..') || !escaped.split('/').includes('..'), 'no way up')
    return true
  }),
  go: {
    ask: 'module',
    ours: (bytes) => {
      const text = fromUtf8(bytes)
      return text?.includes('@') === true ? reading(() => escapeModule(...cutAt(text)), 'MODULE_INVALID') : undefined
    },
    // Go escapes anything that may be requested; a checksum database accepts only canonical versions.
    licence: (bytes, ours, go) => {
      const [path, version] = cutAt(fromUtf8(bytes) ?? '')
      if (ours === undefined && go !== undefined) return isOursOf(path, version) ? 'module-narrower' : undefined
      // We escape what is in a log, and a log may contain what Go would not request.
      return ours !== undefined && go === undefined && judgePath(path).length + judgeVersion(path, version).length > 0
        ? 'module-wider'
        : undefined
    },
  },
}

/** The versions that a checksum database accepts; Go escapes whatever may be requested instead of a version. */
const TAKEN = /^v[0-9]+\.[0-9]+\.[0-9]+(?:-[A-Za-z0-9\-._~]*)?(?:\+incompatible)?$/

/** Whether the version or the length is the reason why we do not request it. */
function isOursOf(path: string, version: string): boolean {
  return !TAKEN.test(version) || `${path}@${version}`.length * 2 > MAX_MODULE_LENGTH
}

const escapedModule: Target = {
  about: 'module versions, as a URL names them',
  most: 2048,
  words: NAME_WORDS,
  seeds: ['github.com/!azure/azure-sdk-for-go@v68.0.0+incompatible', 'golang.org/x/text@v0.3.0'],
  check: ofText((escaped) => {
    const path = reading(() => unescapePath(escaped), 'MODULE_INVALID')
    if (path !== undefined) promise(escapePath(path) === escaped, 'a path has one spelling')
    const query = reading(() => unescapeQuery(escaped), 'MODULE_INVALID')
    if (query !== undefined) promise(escapeQuery(query) === escaped, 'a query has one spelling')
    const read = reading(() => unescapeModule(escaped), 'MODULE_INVALID')
    if (read === undefined) return false
    promise(escapeModule(read.path, read.version) === escaped, 'a module version has one spelling')
    return true
  }),
  go: {
    ask: 'escaped',
    ours: (bytes) => {
      const text = fromUtf8(bytes)
      const read = text === undefined ? undefined : reading(() => unescapeModule(text), 'MODULE_INVALID')
      return read && `${read.path}@${read.version}`
    },
    licence: (_bytes, ours, go) => {
      if (ours === undefined && go !== undefined) return isOursOf(...cutAt(go)) ? 'module-narrower' : undefined
      const [path, version] = cutAt(ours!)
      return go === undefined && judgePath(path).length + judgeVersion(path, version).length > 0
        ? 'module-wider'
        : undefined
    },
  },
}

const path: Target = {
  about: 'module paths, as the audit judges them',
  most: 2048,
  words: NAME_WORDS,
  seeds: ['golang.org/x/text', 'github.com/Azure/azure-sdk-for-go/v68', 'gopkg.in/yaml.v2', 'gopkg.in/a/b.v0'],
  check: ofText((text) => judgePath(text).length === 0),
  go: {
    ask: 'path',
    ours: (bytes) => {
      const text = fromUtf8(bytes)
      return text !== undefined && judgePath(text).length === 0 ? '' : undefined
    },
  },
}

const file: Target = {
  about: 'names of files in modules',
  most: 2048,
  words: ['a/b.go', '/', '..', '.', 'CON', 'aux.txt', 'lpt1', 'é', 'ß', '\u0131', '\u212a', ' ', '~1', '`', "'", '"'],
  seeds: ['a/b/c.go', 'testdata/é.txt', 'COM1.x/y', 'a b/$x'],
  check: ofText((text) => {
    const once = folded(text)
    promise(folded(once) === once, 'what is folded is folded')
    return badFilePath(text) === undefined
  }),
  go: {
    ask: 'file',
    ours: (bytes) => {
      const text = fromUtf8(bytes)
      return text !== undefined && badFilePath(text) === undefined ? '' : undefined
    },
    // Letters are those of each side's Unicode version.
    licence: (bytes) =>
      /\p{L}/u.test((fromUtf8(bytes) ?? '').replaceAll(/[A-Za-z]/g, '')) ? 'unicode-version' : undefined,
  },
}

const patterns: Target = {
  about: 'patterns of GOPRIVATE, and a path',
  most: 1024,
  words: ['*', '?', '[a-z]', '[^', ']', '\\', ',', '/', '*.example.com', '**', '\n', 'golang.org/toolchain'],
  seeds: ['*.corp.example.com,rsc.io/private\nrsc.io/private/x', 'a/[^b-d]?\\*\na/e1*/z', '*/*\nx/y', ',a//,\na'],
  check: ofText((text) => {
    const [globs = '', ...rest] = text.split('\n')
    return isPrivate(globs, rest.join('\n'))
  }),
  go: {
    ask: 'private',
    ours: (bytes) => {
      const [globs = '', ...rest] = (fromUtf8(bytes) ?? '').split('\n')
      return isPrivate(globs, rest.join('\n')) ? '' : undefined
    },
    licence: (bytes) => {
      const text = fromUtf8(bytes)
      if (text === undefined) return 'not-utf8'
      if (text.endsWith('\ngolang.org/toolchain')) return 'toolchain'
      // A star tries at most the product of both lengths.
      const [globs, ...rest] = text.split('\n')
      return globs!.length * rest.join('\n').length > 100_000 ? 'pattern-steps' : undefined
    },
  },
}

const goSum: Target = {
  about: 'go.sum files',
  most: 512 * 1024,
  words: [...GO_SUM.split(/(?<=[ \n])/), '/go.mod', ' h1:', 'h2:', '\r\n', '<<<<<<< HEAD\n', '=======\n', '\t'],
  seeds: [GO_SUM, GO_SUM.replaceAll('\n', '\r\n'), `${GO_SUM}\n<<<<<<< HEAD\n${GO_SUM}`],
  check: (bytes) => {
    const read = reading(() => parseGoSum('go.sum', bytes), 'FILE_UNREADABLE')
    if (read === undefined) return false
    const { lines, malformed, count } = read
    promise(lines.length + malformed.length <= count, 'no line is counted twice')
    const again = parseGoSum('go.sum', utf8(lines.map((line) => `${lineText(line)}\n`).join('')))
    promise(again.malformed.length === 0, 'what is read is well formed')
    sameJson(again.lines.map(lineText), lines.map(lineText), 'what is read is what is written')
    return lines.length > 0
  },
}

const goMod: Target = {
  about: 'go.mod files',
  most: 256 * 1024,
  words: [
    'module ',
    'module\t',
    '"',
    '`',
    '//',
    '/*',
    '\\',
    '(',
    ')',
    'go 1.24\n',
    'go 1.',
    '\r\n',
    'require a v1\n',
    '\ufeff',
  ],
  seeds: ['module example.com/a\n\ngo 1.24\n', 'module "a.b/c" // x\n', 'module `a.b/c`\ngo 1.9\n', '// x\nmodule a\n'],
  check: ofText((text) => {
    isSinceGo124(text)
    const path = modulePathIn(text)
    // What was read can be read back; a path with quotes or spaces is no valid module path.
    if (path !== undefined && judgePath(path).length === 0)
      promise(modulePathIn(synthesizedGoMod(path)) === path, 'read as written')
    return path !== undefined
  }),
  go: {
    ask: 'go-mod',
    ours: (bytes) => {
      const text = fromUtf8(bytes)
      const read = text === undefined ? undefined : modulePathIn(text)
      return read && `${read}\n${read}`
    },
    licence: (bytes, both, go) => {
      const ours = both?.split('\n')[0]
      if (fromUtf8(bytes) === undefined) return 'not-utf8'
      // Go itself has two readings.
      const readings = go?.split('\n') ?? []
      if (readings.includes(ours ?? '')) return 'two-readings'
      // No module has such a path: whichever reading is used, it is not the requested one.
      return [ours ?? '', ...readings].every((text) => judgePath(text).length > 0) ? 'no-module-path' : undefined
    },
  },
}

const version: Target = {
  about: 'versions',
  most: 512,
  words: ['v1.2.3', '-rc.1', '-0.20200101000000-0123456789ab', '+incompatible', '+meta', '.', '-', '0', '00', 'v'],
  seeds: [
    'v1.2.3',
    'v1.2.3-rc.1',
    'v2.0.0+incompatible',
    'v0.0.0-20200101000000-0123456789ab',
    'v1.2.4-0.20200101000000-0123456789ab',
  ],
  check: ofText((text) => {
    const isOne = isCanonicalVersion(text)
    judgeVersion('example.com/a', text)
    if (!isOne) return false
    const others = ['v0.0.0', 'v1.2.3', 'v1.2.3-rc.1', 'v1.10.0', 'v2.0.0+incompatible']
    promise(compareVersions(text, text) === 0, 'a version is itself')
    for (const other of others) {
      promise(Math.sign(compareVersions(text, other)) === -Math.sign(compareVersions(other, text)), 'one order')
    }
    const sorted = [...others, text].sort(compareVersions)
    for (let i = 1; i < sorted.length; i++) promise(compareVersions(sorted[i - 1]!, sorted[i]!) <= 0, 'an order')
    return true
  }),
  go: {
    ask: 'version',
    ours: (bytes) => {
      const text = fromUtf8(bytes)
      return text !== undefined && isCanonicalVersion(text) ? String(isPseudoVersion(text)) : undefined
    },
    licence: (bytes, ours, go) =>
      ours === undefined && go !== undefined && bytes.length > 256 ? 'version-length' : undefined,
  },
}

const versionInfo: Target = {
  about: 'what proxies say of a version',
  most: MAX_INFO_BYTES,
  words: [
    '{"Version":"v1.2.3"',
    ',"Time":"2020-01-01T00:00:00Z"',
    '}',
    'null',
    '"v1.2.3"',
    '.000000001',
    '+01:00',
    '24:00:00',
  ],
  seeds: [
    '{"Version":"v1.2.3","Time":"2020-01-01T00:00:00Z","Origin":{"VCS":"git"}}',
    '{"Version":"v0.0.0-20200101000000-0123456789ab"}',
  ],
  check: (bytes) => {
    const read = reading(() => parseInfo(bytes, 'proxy'), 'PROXY_FAILED')
    if (read === undefined) return false
    sameJson(parseInfo(read.body, 'proxy'), read, 'what is handed on reads the same')
    return true
  },
}

const versionList: Target = {
  about: 'lists of versions',
  most: MAX_LIST_BYTES,
  words: ['v1.2.3\n', 'v1.2.3-rc.1\n', '\r\n', ' ', 'v0.0.0-20200101000000-0123456789ab\n', 'v2.0.0+incompatible\n'],
  seeds: ['v1.0.0\nv1.1.0\n', 'v1.0.0 2020-01-01\nv0.9.0-rc.1\r\n'],
  check: (bytes) => {
    const read = reading(() => parseList(bytes, 'proxy'), 'PROXY_FAILED')
    if (read === undefined) return false
    sameJson(parseList(formatList(read), 'proxy'), read, 'what is handed on reads the same')
    return read.length > 0
  },
}

const FEED = '{"Path":"golang.org/x/text","Version":"v0.3.0","Timestamp":"2019-04-10T19:08:52.997264Z"}'

const feedLine: Target = {
  about: 'lines of module indexes',
  most: 64 * 1024,
  words: [
    '"Path":',
    '"Version":',
    '"Timestamp":',
    '"golang.org/x/text"',
    '"v0.3.0"',
    '2019-04-10T19:08:52',
    '.997264',
    'Z',
    '+23:59',
    '-23:59',
    '9999',
    '0000',
  ],
  seeds: [FEED, FEED.replace('.997264Z', '+02:00')],
  check: ofText((text) => {
    const read = parseLine(text)
    if (read === undefined) return false
    escapeModule(read.path, read.version)
    const written = JSON.stringify({ Path: read.path, Version: read.version, Timestamp: formatMoment(read.time) })
    sameJson(parseLine(written), read, 'a line that says the same')
    return true
  }),
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,30})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/

const moment: Target = {
  about: 'times',
  most: 128,
  words: [
    '2019-04-10',
    'T19:08:52',
    '.997264',
    '.000000000',
    'Z',
    '+23:59',
    '-23:59',
    '9999',
    '0000',
    '02-29',
    '24:00',
    ':60',
  ],
  seeds: [
    '2019-04-10T19:08:52.997264Z',
    '2020-02-29T23:59:59+02:00',
    '2020-02-29T23:59:59+24:00',
    '2020-02-29T23:59:59-00:60',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999999999Z',
  ],
  check: ofText((text) => {
    const read = parseMoment(text)
    if (read === undefined) return false
    const again = parseMoment(formatMoment(read))
    promise(again !== undefined && compareMoments(read, again) === 0, 'a time is read as it is written')
    return true
  }),
  go: {
    ask: 'time',
    ours: (bytes) => {
      const text = fromUtf8(bytes)
      const read = text === undefined ? undefined : parseMoment(text)
      return read && `${read.seconds} ${read.nanos}`
    },
    // Go accepts an hour of one digit, a decimal comma, and offsets of 24 hours and 60 minutes, which RFC 3339 does not
    // allow.
    licence: (bytes, ours) => (ours === undefined && !RFC3339.test(fromUtf8(bytes) ?? '') ? 'no-rfc3339' : undefined),
  },
}

const RELEASES = JSON.stringify([
  {
    Ed25519: Buffer.from(logSigner.verifier.publicKey).toString('base64'),
    GoSum: GO_SUM,
    Signature: toBase64(logSigner.sign(utf8(GO_SUM))),
  },
])

const releases: Target = {
  about: 'lists of authorised releases',
  most: 512 * 1024,
  words: ['"Ed25519":', '"GoSum":', '"Signature":', '[', ']', '{', '}', ...GO_SUM.split(/(?<=\n)/)],
  seeds: [GO_SUM, RELEASES, ''],
  check: (bytes) => {
    const plain = reading(() => parseReleases(bytes), 'RELEASES_INVALID')
    const signed = reading(() => parseReleases(bytes, logSigner.verifier), 'RELEASES_INVALID')
    promise(plain === undefined || signed === undefined, 'a list is signed, or it is not')
    // Nothing that was not signed: this is the only text with the key's signature.
    if (signed !== undefined) for (const line of signed) promise(GO_SUM.includes(`${line}\n`), 'what the key signed')
    return plain !== undefined || signed !== undefined
  },
}

export const MODULES: Readonly<Record<string, Target>> = {
  module,
  'escaped-module': escapedModule,
  'module-path': path,
  'file-path': file,
  'module-zip': moduleZip,
  patterns,
  'go-sum': goSum,
  'go-mod': goMod,
  version,
  'version-info': versionInfo,
  'version-list': versionList,
  'feed-line': feedLine,
  moment,
  releases,
}
