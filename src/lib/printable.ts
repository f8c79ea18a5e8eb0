/**
 * Text of others, made fit to be shown: what moves a cursor, hides what follows, turns a line around or begins another one
 * is replaced. Whoever paints, paints afterwards. Pure.
 */

/** Control and format characters, what is unassigned or private, halves of pairs, and ends of lines; but no TAB. */
const UNPRINTABLE = /[^\t\P{C}]|[\u2028\u2029]/gu
/** Whether there may be any: most texts have none. */
const ANY = /[^\t\P{C}]|[\u2028\u2029]/u
/** What most JSON of ours is made of, the dash of signatures too: told in a fraction of the time. */
const PLAIN = /^[\t\n\x20-\x7e\u2014]*$/
/** The ends of lines that people write. */
const LINE_ENDS = /\r?\n/g
const REPLACED = '\u{fffd}'

/** The text on one line: ends of lines as blanks, anything else that is not seen as U+FFFD. */
export function printable(text: string): string {
  return ANY.test(text) ? text.replace(LINE_ENDS, ' ').replace(UNPRINTABLE, REPLACED) : text
}

/** JSON of the same value in which whatever is not seen is escaped. */
export function printableJson(json: string): string {
  if (PLAIN.test(json)) return json
  // Between the values JSON has ends of lines and blanks, and inside of strings none.
  return ANY.test(json) ? json.replace(UNPRINTABLE, (char) => (char === '\n' ? char : escaped(char))) : json
}

/** Text of several lines; each of them as above. */
export function printableLines(text: string): string {
  return ANY.test(text) ? text.replace(UNPRINTABLE, (char) => (char === '\n' ? char : REPLACED)) : text
}

function escaped(char: string): string {
  return char
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
