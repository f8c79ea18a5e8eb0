/** Names from logs, peers and lists, made fit to be shown: they are untrusted. Pure. */
import { printable } from '../lib/printable.js'

/** Characters of a name that are shown. */
const MOST = 40

/** A name on one line, without characters that would turn, hide or move the text around it. */
export function plain(name: string, most = MOST): string {
  const shown = Array.from(printable(name.slice(0, most * 8)))
  return shown.length <= most ? shown.join('') : `${shown.slice(0, most - 1).join('')}…`
}
