/** Why we may read something else than Go's libraries: each is a row of the table in docs/fuzzing.md, word for word. */
export const LICENCES = {
  'note-size':
    'notes above 1 MiB are refused before they are read; Go takes a text of 1,000,000 bytes with lines of any length',
  'tree-size':
    'sizes beyond 2^53 - 1 are of no tree: a suspect that alarms (`SIZE_IMPOSSIBLE`), where Go reads up to 2^63 - 1',
  'not-utf8': 'texts that are not UTF-8 are refused before this parser; in a note Go refuses them, too',
  'carriage-return': 'base64 of Go passes over carriage returns; a note with one is opened by neither',
  'line-end': 'a verifier key is one line: base64 of Go passes over ends of lines',
  'no-point':
    'to Go any 32 bytes are an Ed25519 key; those that are no point, or of low order, are refused (`KEY_MALFORMED`, `KEY_WEAK`)',
  'tile-beyond': 'tiles above level 63, or beyond 2^53 - 1 in their level, are in no tree',
  'record-number': 'a record number has one spelling: Go takes signs and leading zeros',
  'record-beyond': 'record numbers beyond 2^53 - 1 are of no tree',
  'record-empty-line':
    'a record that begins with an empty line vouches for nothing; the audit reports it (`record-blank-line`)',
  'record-size': 'records above 64 KiB are refused',
  'module-narrower':
    'a checksum database has canonical versions of at most 1024 escaped characters; Go escapes whatever may be asked for in the place of one',
  'module-wider': 'what a log has is read, to be judged by the audit: Go would not ask for it (`path-*`, `version-*`)',
  'unicode-version': 'which characters are letters depends on the Unicode of the Go and the Node that are compared',
  'pattern-steps':
    'a pattern takes 100,000 steps at most, and matches nothing if it would take more; Go takes as many as it needs',
  toolchain: '`golang.org/toolchain` is looked up whatever GOPRIVATE says (cmd/go); the library does not know that',
  'two-readings':
    'Go has two readings of a module line, of which ours is one: `modfile.ModulePath` and `modfile.ParseLax`',
  'no-module-path': 'neither reading is a path that a module may have',
  'version-length': 'versions above 256 characters are refused',
  'no-rfc3339':
    'a time that is not as RFC 3339 has it, or has more than 30 digits behind the point: Go takes an hour of one digit, a comma for the point, and offsets of 24 hours and 60 minutes',
  'zip-flawed':
    'a zip that the go command refuses for what is in it may have no hash here, or that of the other of two files with one name',
  'zip-places':
    'a zip begins with a file and ends with the list of all of them, on one disk, with nothing between; Go reads others, too',
} as const

export type Licence = keyof typeof LICENCES
