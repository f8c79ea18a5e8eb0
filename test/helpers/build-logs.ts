/** How build systems show a program's output: a report of the go command was found in each of these forms. */

type Show = (report: string) => string | Uint8Array

const lines = (report: string): string[] => report.split('\n')
const each =
  (change: (line: string, i: number) => string, end = '\n'): Show =>
  (report) =>
    lines(report).map(change).join(end)
const trimmed =
  (change: (line: string, i: number) => string): Show =>
  (report) =>
    lines(report)
      .map((line, i) => change(line, i).trimEnd())
      .join('\n')
const instead =
  (what: string | RegExp, by: string): Show =>
  (report) =>
    report.replaceAll(what, by)
const both =
  (...shows: ((report: string) => string)[]): Show =>
  (report) =>
    shows.reduce((text, show) => show(text), report)

const time = (i: number): string => `2026-07-01T12:${String(i % 60).padStart(2, '0')}:01.1234567Z`
const clock = (i: number): string => `12:${String(i % 60).padStart(2, '0')}:07`
const spaces = (text: string): string => text.replaceAll('\t', '    ')
const utf16 = (text: string, order: 'le' | 'be'): Buffer => {
  const bytes = Buffer.from(text, 'utf16le')
  return order === 'le' ? bytes : bytes.swap16()
}
const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8')

/** Folds like the shell's fold: by columns, with TABs to multiples of eight; `of` returns the width of a character. */
function fold(text: string, width: number, of: (char: string) => number, again = ''): string {
  const folded: string[] = []
  for (const line of lines(text)) {
    let [part, column] = ['', 0]
    for (const char of line) {
      const next = char === '\t' ? column + 8 - (column % 8) : column + of(char)
      if (next > width) {
        folded.push(part)
        part = again
        column = again.length
      }
      part += char
      column = char === '\t' ? column + 8 - (column % 8) : column + of(char)
    }
    folded.push(part)
  }
  return folded.join('\n')
}
const one = (): number => 1
const utf8Width = (char: string): number => bytesOf(char).length

/** The lines of two builds, alternating, each with its own prefix. */
const alternating =
  (a: string, b: string, block = 1): Show =>
  (report) => {
    const all = lines(report)
    const out: string[] = []
    for (let i = 0; i < all.length; i += block) {
      const part = all.slice(i, i + block)
      out.push(...part.map((line) => `${a}${line}`), ...part.map((line) => `${b}${line}`))
    }
    return out.join('\n')
  }

const json = (fields: (line: string, i: number) => unknown): Show => each((line, i) => JSON.stringify(fields(line, i)))
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)

export const BUILD_LOGS: readonly (readonly [how: string, show: Show])[] = [
  ['as it is', (report) => report],
  ['CRLF', instead('\n', '\r\n')],
  ['CR CRLF', instead('\n', '\r\r\n')],
  ['CR alone', instead('\n', '\r')],
  ['no TABs at all', instead('\t', '')],
  ['TABs as four blanks', spaces],
  ['TABs as eight blanks, trimmed', trimmed((line) => line.replaceAll('\t', '        '))],
  ['TABs as one blank', instead('\t', ' ')],
  ['TABs as arrows', instead('\t', '→')],
  ['TABs as ^I, ends as $', each((line) => `${line.replaceAll('\t', '^I')}$`)],
  ['cat -A, bytes of the dash too', each((line) => `${line.replaceAll('\t', '^I').replaceAll('—', 'M-bM-^@M-^T')}$`)],
  ['TABs as \\t', instead('\t', '\\t')],
  ['TABs as #011, by rsyslog', each((line) => `Jul  1 12:00:00 host go[123]: ${line.replaceAll('\t', '#011')}`)],
  ['lines trimmed', trimmed((line) => line)],
  ['lines trimmed at both ends', each((line) => line.trim())],
  ['without empty lines', (report) => report.replace(/\n\s*(?=\n)/g, '')],
  ['an empty line behind each', instead('\n', '\n\n')],
  ['all on one line', (report) => report.replace(/\s+/g, ' ')],
  ['quoted, as in mails', each((line) => `> ${line}`)],
  ['quoted twice', each((line) => `>> ${line}`)],
  ['in Markdown', each((line) => `    ${spaces(line)}`)],
  ['in a table', each((line) => `| ${spaces(line).padEnd(110)} |`)],
  ['with line numbers', each((line, i) => `${String(i + 1).padStart(6)}\t${line}`)],
  ['with line numbers and a colon', each((line, i) => `${i + 1}: ${line.trim()}`)],
  ['behind "go: "', each((line) => `go: ${line}`)],
  ['GitHub Actions, raw', each((line, i) => `${time(i)} ${line}`)],
  ['GitHub Actions, raw, trimmed', trimmed((line, i) => `${time(i)} ${line}`)],
  ['GitHub Actions, gh run view', each((line, i) => `build\tRun go mod download\t${time(i)} ${line}`)],
  ['GitHub Actions, gh run view, trimmed', trimmed((line, i) => `build\tRun go vet\t${time(i)} ${line}`)],
  ['GitHub Actions, as an error', (report) => `::error::${report.replaceAll('\n', '%0A')}`],
  ['GitHub Actions, group and colour', each((line, i) => `${time(i)} ##[error]\u001b[31m${line}\u001b[0m`)],
  ['buildkit', each((line, i) => `#12 ${(1.234 + i / 10).toFixed(3)} ${line}`)],
  ['buildkit, trimmed', trimmed((line, i) => `#12 ${(1.234 + i / 10).toFixed(3)} ${line}`)],
  ['buildkit, its error', each((line, i) => (i === 0 ? '------' : `${(0.912 + i / 99).toFixed(3)} ${line}`))],
  ['docker compose', each((line) => `web-1  | ${line}`)],
  ['docker compose, coloured', each((line) => `\u001b[36mweb-1  | \u001b[0m${line}`)],
  ['docker compose, trimmed, TABs as blanks', trimmed((line) => `web-1  | ${spaces(line)}`)],
  ['docker logs -t', each((line, i) => `${time(i)} ${line}`)],
  ['docker json-file', json((line, i) => ({ log: `${line}\n`, stream: 'stderr', time: time(i) }))],
  ['GitLab', each((line, i) => `${time(i)} 01O ${line}`)],
  ['GitLab, going on', (report) => each((line, i) => `${time(i)} 01O ${line}`)(report.replace(/(=\n)/, '$1'))],
  ['GitLab, cut in words', (report) => gitlab(report)],
  ['GitLab, coloured', each((line) => `\u001b[0;m${line}\u001b[0;m\r`)],
  ['GitLab, section marks', each((line) => `section_start:1:build\r\u001b[0K${line}`)],
  ['Jenkins, timestamps', each((line, i) => `[2026-07-01T12:00:${String(i % 60).padStart(2, '0')}.123Z] ${line}`)],
  ['Jenkins, clock', trimmed((line, i) => `${clock(i)}  ${line}`)],
  ['Jenkins, branches', each((line) => `[Pipeline] [linux] ${line}`)],
  ['Jenkins, HTML', (report) => `<pre class="console">${report.replaceAll('\n', '<br>')}</pre>`],
  ['HTML with entities', (r) => r.replaceAll('+', '&#43;').replaceAll('=', '&#x3D;').replaceAll('—', '&mdash;')],
  ['HTML with spans', each((line) => `<span class="l">${line}</span>`)],
  ['Azure Pipelines', trimmed((line, i) => `${time(i)} ##[error]${line}`)],
  ['TeamCity', each((line, i) => `[${clock(i)} ]i:\t [Step 1/2] ${line}`)],
  ['Travis', (report) => `travis_fold:start:x\r\u001b[0K${report.replaceAll('\n', '\r\n')}`],
  ['Bazel', each((line) => `ERROR: //x:y: ${line}`)],
  ['Nix', each((line) => `go-modules>        ${line.trim()}`)],
  ['Kubernetes CRI', each((line, i) => `${time(i)} stderr F ${line}`)],
  ['kubectl logs --prefix', each((line) => `[pod/build-x/go] ${line}`)],
  ['journald', each((line, i) => `Jul 01 ${clock(i)} host go[4711]: ${line}`)],
  ['systemd, short-iso', each((line, i) => `2026-07-01T${clock(i)}+0000 host go[4711]: ${line}`)],
  ['make -j, by target', each((line) => `[2/7] ${line}`)],
  ['logfmt', each((line, i) => `time="${time(i)}" level=error msg="${line.replaceAll('\t', '\\t')}"`)],
  ['JSON lines', json((line, i) => ({ level: 'error', ts: 1782907200 + i, msg: line }))],
  ['JSON, one message', (report) => JSON.stringify({ msg: report })],
  ['JSON, ASCII', (report) => asciiJson({ '@timestamp': time(1), message: report })],
  ['JSON, ASCII, slashes', (report) => asciiJson({ message: report }).replaceAll('/', '\\/')],
  ['JSON in JSON', (report) => JSON.stringify({ log: JSON.stringify({ msg: report }) })],
  ['JSON, an array of lines', (report) => JSON.stringify(lines(report))],
  [
    'JSON with escaped signs',
    (report) => asciiJson({ m: report }).replaceAll('+', '\\u002b').replaceAll('=', '\\u003d'),
  ],
  ['the repr of Python bytes', (r) => `b'${[...bytesOf(r)].map((b) => byteEscape(b)).join('')}'`],
  ['the dash as mojibake of cp1252', instead('—', 'â€”')],
  ['the dash as mojibake of cp437', instead('—', 'ΓÇö')],
  ['the dash as mojibake of cp850', instead('—', 'ÔÇö')],
  ['the dash lost', instead('—', '�')],
  ['the dash as ?', instead('—', '?')],
  ['the dash as three ?', instead('—', '???')],
  ['the dash as a hyphen', instead('—', '-')],
  ['the dash as two hyphens', instead('—', '--')],
  ['the dash away', instead('— ', '')],
  ['Latin-1', (report) => Buffer.from(report.replaceAll('—', '\u0097'), 'latin1')],
  ['UTF-8 with a mark', (report) => `\ufeff${report}`],
  ['UTF-16 LE with a mark', (report) => Buffer.concat([Buffer.of(0xff, 0xfe), utf16(report, 'le')])],
  ['UTF-16 BE with a mark', (report) => Buffer.concat([Buffer.of(0xfe, 0xff), utf16(report, 'be')])],
  ['UTF-16 LE without', (report) => utf16(report, 'le')],
  ['UTF-16 BE without', (report) => utf16(report, 'be')],
  ['UTF-16 behind UTF-8, as PowerShell appends', (r) => Buffer.concat([bytesOf('go: x\r\n'), utf16(r, 'le')])],
  ['red', each((line) => `\u001b[31m${line}\u001b[0m`)],
  ['colours made visible', each((line) => `^[[31m${line}^[[0m`)],
  ['colours as escapes', each((line) => `\\u001b[31m${line}\\u001b[0m`)],
  ['colours in the middle', instead('=', '\u001b[1m=\u001b[0m')],
  ['hyperlinks of terminals', each((line) => `\u001b]8;;http://x\u0007${line}\u001b]8;;\u0007`)],
  ['folded at 80', (report) => fold(report, 80, one)],
  ['folded at 80, by bytes', (report) => fold(report, 80, utf8Width)],
  ['folded at 40', (report) => fold(report, 40, one)],
  ['folded at 72, TABs as blanks', (report) => fold(spaces(report), 72, one)],
  ['folded at 50 behind times', (report) => fold(each((line, i) => `${time(i)} ${line}`)(report) as string, 50, one)],
  [
    'folded at 60, the prefix again',
    (report) => fold(each((line) => `web-1 | ${line}`)(report) as string, 60, one, 'web-1 | '),
  ],
  ['folded at 76, by quoted-printable', (report) => quotedPrintable(report)],
  ['zero-width spaces', instead('/', '\u200b/')],
  ['two builds by compose', alternating('a-1  | ', 'b-1  | ')],
  ['two builds by buildkit', alternating('#12 1.234 ', '#13 1.235 ')],
  ['two builds by buildkit, in blocks', alternating('#12 1.234 ', '#13 1.235 ', 3)],
  ['two builds, nothing to tell them apart', alternating('', '')],
  ['two builds, in blocks', alternating('', '', 4)],
  ['lines of others in it', each((line, i) => `go: downloading example.com/x${i} v1.0.${i}\n${line}`)],
  ['progress in it', each((line, i) => `${i}% done\r${line}`)],
  ['twice', (report) => report + report],
  ['cut in the middle, then whole', (report) => report.slice(0, report.length / 2) + report],
  ['blanks and trimmed behind times', both(spaces, (r) => trimmed((line, i) => `${time(i)} ${line}`)(r) as string)],
]

function byteEscape(byte: number): string {
  if (byte === 10) return '\\n'
  if (byte === 9) return '\\t'
  return byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`
}

/** What a runner sends in parts: a continued line has a plus. */
function gitlab(report: string): string {
  return lines(report)
    .map((line, i) => {
      const half = Math.floor(line.length / 2)
      return line.length < 60
        ? `${time(i)} 01O ${line}`
        : `${time(i)} 01O ${line.slice(0, half)}\n${time(i)} 01O+${line.slice(half)}`
    })
    .join('\n')
}

function quotedPrintable(report: string): string {
  const encoded = [...bytesOf(report)]
    .map((b) =>
      b === 10 || (b >= 32 && b < 127 && b !== 61)
        ? String.fromCharCode(b)
        : `=${b.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('')
  return lines(encoded)
    .flatMap(
      (line) =>
        line.match(/(?:=..|[^=]){1,70}/g)?.map((part, i, all) => (i + 1 < all.length ? `${part}=` : part)) ?? [''],
    )
    .join('\r\n')
}
