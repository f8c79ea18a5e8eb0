/** Why a reading may differ from that of Go's libraries: the rows of a table in docs/fuzzing.md, word for word. */
export const LICENCES = {
  'note-size':
    'notes above 1 MiB are refused before they are parsed; Go accepts a text of 1,000,000 bytes with lines of any length',
  'tree-size':
    'sizes beyond 2^53 - 1 are of no tree: the head is a suspect that raises an alarm (`SIZE_IMPOSSIBLE`); Go reads up to 2^63 - 1',
  'not-utf8': 'texts that are not UTF-8 are refused before this parser; Go also refuses them in a note',
  'carriage-return': 'base64 in Go ignores carriage returns; neither opens a note with one',
  'line-end': 'a verifier key is one line; base64 in Go ignores line ends',
  'no-point':
    'Go accepts any 32 bytes as an Ed25519 key; those that are not a point, or of low order, are refused (`KEY_MALFORMED`, `KEY_WEAK`)',
  'tile-beyond': 'tiles above level 63, or beyond 2^53 - 1 in their level, are in no tree',
  'record-number': 'a record number has one spelling; Go accepts signs and leading zeros',
  'record-beyond': 'record numbers beyond 2^53 - 1 are of no tree',
  'record-empty-line':
    'a record that begins with an empty line vouches for nothing; the audit reports it (`record-blank-line`)',
  'record-size': 'records above 64 KiB are refused',
  'module-narrower':
    'a checksum database has canonical versions of at most 1024 escaped characters; Go also escapes whatever may be requested instead of one',
  'module-wider':
    'what a log contains is read, and judged by the audit (`path-*`, `version-*`); Go would not request it',
  'unicode-version': 'which characters are letters depends on the Unicode versions of the compared Go and Node',
  'pattern-steps': 'a pattern takes at most 100,000 steps, and matches nothing if it would take more; Go has no limit',
  toolchain: 'cmd/go looks up `golang.org/toolchain` whatever GOPRIVATE says; the library does not',
  'two-readings':
    'Go has two readings of a module line, `modfile.ModulePath` and `modfile.ParseLax`; ours is one of them',
  'no-module-path': 'neither reading is a valid module path',
  'version-length': 'versions above 256 characters are refused',
  'no-rfc3339':
    'a time that does not follow RFC 3339, or has more than 30 decimal places; Go accepts an hour of one digit, a decimal comma, and offsets of 24 hours and 60 minutes',
  'zip-flawed':
    'a zip whose content the go command refuses may have no hash here, or one with the other of two files that have the same name',
  'zip-places':
    'a zip begins with a file and ends with the list of all files, on one disk, with nothing between; Go also reads others',
} as const

export type Licence = keyof typeof LICENCES
