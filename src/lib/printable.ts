/**
 * Makes foreign text safe to display: whatever moves the cursor, hides text, reverses a line or starts a new one is
 * replaced. Colours have to be added afterwards. Pure.
 */

/** Control and format characters, unassigned or private ones, unpaired surrogates, and line separators; but not TAB. */
const UNPRINTABLE = /[^\t\P{C}]|[\u2028\u2029]/gu
/** Tells whether there are any: most texts have none. */
const ANY = /[^\t\P{C}]|[\u2028\u2029]/u
/** The characters of most of our JSON, including the dash of signatures: tested in a fraction of the time. */
const PLAIN = /^[\t\n\x20-\x7e\u2014]*$/
/** Ordinary line ends. */
const LINE_ENDS = /\r?\n/g
const REPLACED = '\u{fffd}'

/** The text on one line: line ends become blanks, other invisible characters U+FFFD. */
export function printable(text: string): string {
  return ANY.test(text) ? text.replace(LINE_ENDS, ' ').replace(UNPRINTABLE, REPLACED) : text
}

/** JSON of the same value in which invisible characters are escaped. */
export function printableJson(json: string): string {
  if (PLAIN.test(json)) return json
  // JSON has line ends only between values, never inside strings.
  return ANY.test(json) ? json.replace(UNPRINTABLE, (char) => (char === '\n' ? char : escaped(char))) : json
}

/** Text of several lines, each treated as above. */
export function printableLines(text: string): string {
  return ANY.test(text) ? text.replace(UNPRINTABLE, (char) => (char === '\n' ? char : REPLACED)) : text
}

function escaped(char: string): string {
  return char
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
