/** The result of a check, and how it is shown: always as text, whoever wrote it. */
import { printable } from '../lib/printable.js'

/** The result of a check: `good` and `bad` are proven, `unsure` is everything else. */
export interface CheckAnswer {
  readonly kind: 'good' | 'bad' | 'unsure'
  /** The verdict, which is shown first. */
  readonly sentence: string
  /** Shown below it, a paragraph each. */
  readonly details: readonly string[]
  readonly rows?: readonly (readonly [place: string, what: string, why: string])[]
  /** A resulting file that can be saved. */
  readonly file?: { readonly name: string; readonly bytes: Uint8Array }
}

type Attributes = Readonly<Record<string, string>>

/** An element with these attributes and children, which are text or elements. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...inside: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...inside.map((one) => (typeof one === 'string' ? printable(one) : one)))
  return made
}

/** Shows the result in a box, and moves the focus there, for keyboards and screen readers. */
export function showAnswer(box: HTMLElement, { kind, sentence, details, rows = [], file }: CheckAnswer): void {
  box.className = `answer ${kind}`
  const said = element('p', { class: 'said', tabindex: '-1' }, sentence)
  box.replaceChildren(said, ...details.map((text) => element('p', {}, text)))
  if (rows.length > 0) box.append(tableOf(rows))
  if (file !== undefined) box.append(element('p', {}, linkTo(file)))
  said.focus({ preventScroll: true })
}

export function showWork(box: HTMLElement, text: string): void {
  box.className = 'answer'
  box.replaceChildren(element('p', {}, text))
}

function tableOf(rows: NonNullable<CheckAnswer['rows']>): HTMLElement {
  const head = element('tr', {}, ...['Line', 'Module', 'What'].map((text) => element('th', { scope: 'col' }, text)))
  const body = rows.map((row) => element('tr', {}, ...row.map((text) => element('td', {}, text))))
  return element('table', {}, element('thead', {}, head), element('tbody', {}, ...body))
}

function linkTo({ name, bytes }: NonNullable<CheckAnswer['file']>): HTMLElement {
  const url = URL.createObjectURL(new Blob([new Uint8Array(bytes)], { type: 'application/json' }))
  return element('a', { href: url, download: name }, `keep the proof: ${name}`)
}
