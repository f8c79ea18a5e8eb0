/**
 * The text in the output of a build system, without colours, escapes, markup and folds. Build logs present text in many
 * ways, and what they add differs. The clean-up may spoil a text, but can never make up a signature. It takes time
 * linear in the text: a run of one character is examined only from its beginning. Pure.
 */

/** Invisible characters: soft hyphens, joiners, byte order marks. */
const UNSEEN = /\u00ad|\u200b|\u200c|\u200d|\u2060|\ufeff/g
/** Terminal commands: CSI, OSC and short escapes. */
const TERMINAL = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b\n]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]/g
/** The same where escapes were made visible. */
const SHOWN_TERMINAL = /(?:\^\[|(?<!\\)\\+(?:u001b|x1b|033|e)|#033|\u241b)\[[0-?]*[ -/]*[@-~]/gi
/** The marks that GitLab puts after times; with a plus, the line continues the one before it. */
const GITLAB_GOES_ON = /\n\S{0,40}\d\d:\d\d:\d\d\S{0,40} [0-9a-f]{2}[OE]\+/g
const GITLAB_MARK = /^(\S{0,40}\d\d:\d\d:\d\d\S{0,40}) [0-9a-f]{2}[OE] /gm
/** Tags of HTML and XML. */
const TAG = /<[A-Za-z/!][^<>\n]{0,300}>/g
const NAMED: Readonly<Record<string, string>> = {
  plus: '+',
  sol: '/',
  equals: '=',
  tab: '\t',
  newline: '\n',
  nbsp: ' ',
}
const PERCENT: Readonly<Record<string, string>> = { '09': '\t', '20': ' ', '2b': '+', '2f': '/', '3d': '=' }
const REPORT_WORDS = /go\.sum|misbehavior/
/** Characters kept around the words of reports. */
const MARGIN = 256 * 1024
/** The smallest width at which lines are folded. */
const MIN_FOLD = 20
/** A TAB advances to the next column that is a multiple of this. */
const TAB_STOP = 8

/** The possible readings of a text: unchanged first, then with possible folds removed. At most five, all different. */
export function readingsOf(bytes: Uint8Array): string[] {
  const text = around(decode(bytes))
  const plain = plainOf(text)
  // In quoted-printable text an equals sign is "=3D", and one at the end of a line folds it.
  const unquoted = text.includes('=3D') ? [plainOf(unquote(text))] : []
  return [...new Set([plain, ...unquoted, ...[bytesAndStops, charsAndStops, chars].map((of) => unfold(plain, of))])]
}

/** The part of a long log that may belong to reports: from before the first of their words to well after the last. */
function around(text: string): string {
  const first = text.search(REPORT_WORDS)
  const last = Math.max(...['go.sum', 'misbehavior'].map((word) => text.lastIndexOf(word)))
  return first === -1 ? '' : text.slice(Math.max(0, first - MARGIN), last + MARGIN)
}

/** UTF-16 if it has the mark; otherwise UTF-8, in which UTF-16 text is what remains without the zero bytes. */
function decode(bytes: Uint8Array): string {
  const [a, b] = bytes
  const isLittle = a === 0xff && b === 0xfe
  const label = isLittle ? 'utf-16le' : a === 0xfe && b === 0xff ? 'utf-16be' : 'utf-8'
  const text = new TextDecoder(label).decode(bytes)
  // What merely begins like UTF-16 reads as other scripts.
  const isUtf16 = label !== 'utf-8' && text.includes('go.sum')
  return (isUtf16 ? text : new TextDecoder().decode(bytes)).replaceAll('\0', '')
}

function plainOf(text: string): string {
  return text
    .replace(SHOWN_TERMINAL, '')
    .replace(/(?<!\\)\\+u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .replace(/(?<!\\)\\+x([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .replace(/#0(09|1[0-5]|33)/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
    .replace(/(?<!\\)\\+[nr]/g, '\n')
    .replace(/(?<!\\)\\+t|\^I|\u2409/g, '\t')
    .replace(/(?<!\\)\\+\//g, '/')
    .replace(/%(0a|0d)/gi, '\n')
    .replace(/%(09|20|2b|2f|3d)/gi, (_, hex: string) => PERCENT[hex.toLowerCase()]!)
    .replace(/&#(x[0-9a-f]{1,6}|[0-9]{1,7});/gi, (_, code: string) => character(code))
    .replace(/&([a-z]{2,8});/gi, (all, name: string) => NAMED[name.toLowerCase()] ?? all)
    .replace(TERMINAL, '')
    .replace(TAG, ' ')
    .replace(UNSEEN, '')
    .replace(/\r\n?|\u2028|\u2029|\u0085|\v|\f/g, '\n')
    .replace(GITLAB_GOES_ON, '')
    .replace(GITLAB_MARK, '$1 ')
}

function character(code: string): string {
  const point = /^x/i.test(code) ? parseInt(code.slice(1), 16) : parseInt(code, 10)
  return point <= 0x10ffff ? String.fromCodePoint(point) : ' '
}

function unquote(text: string): string {
  return text
    .replace(/=[ \t]*\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}

/** Joins lines that are exactly as wide as the widest one to the lines after them. */
function unfold(text: string, widthOf: (line: string) => number): string {
  const lines = text.split('\n')
  const widths = lines.map(widthOf)
  const widest = widths.reduce((most, width) => Math.max(most, width), 0)
  if (widest < MIN_FOLD) return text
  return lines.map((line, i) => (widths[i] === widest ? line : `${line}\n`)).join('')
}

function chars(line: string): number {
  return line.length
}

function charsAndStops(line: string): number {
  let width = 0
  for (const char of line) width = char === '\t' ? width + TAB_STOP - (width % TAB_STOP) : width + 1
  return width
}

function bytesAndStops(line: string): number {
  let width = 0
  for (const char of line) {
    const point = char.codePointAt(0)!
    if (char === '\t') width += TAB_STOP - (width % TAB_STOP)
    else width += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return width
}
