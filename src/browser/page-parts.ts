/**
 * The parts of the page, updated to what the node shows: changed parts are replaced, except those that belong to the
 * reader: with the focus, with a selection, opened, or marked `data-kept`.
 */

/** The selector of the parts. */
const PART = '[data-part]'

export class PageParts {
  /** The last markup of each part from the node: the page itself also contains answers. */
  readonly #sent: Map<string, string>

  constructor() {
    this.#sent = new Map(partsOf(document).map((part) => [part.id, part.outerHTML]))
  }

  /** Applies a newer copy of the page. */
  update(next: Document): void {
    if (document.title !== next.title) document.title = next.title
    const parts = partsOf(next)
    const hasOthers = parts.map(({ id }) => id).join('\n') !== [...this.#sent.keys()].join('\n')
    if (hasOthers) {
      const [main, other] = [document.querySelector('main'), next.querySelector('main')]
      if (main !== null && other !== null) replaceKeeping(main, document.importNode(other, true))
      this.#sent.clear()
    }
    for (const part of parts) this.#updatePart(part)
  }

  #updatePart(next: Element): void {
    const { id, outerHTML: markup } = next
    const now = document.getElementById(id)
    if (now === null || this.#sent.get(id) === markup) return
    if (now.classList.contains('verdict')) speak(now, next)
    // The reader's selection must stay; the part is updated afterwards.
    else if (document.getSelection()?.containsNode(now, true) === true && hasSelection()) return
    else replaceKeeping(now, document.importNode(next, true))
    this.#sent.set(id, markup)
  }
}

function partsOf(page: Document): Element[] {
  return [...page.querySelectorAll(PART)]
}

function hasSelection(): boolean {
  return document.getSelection()?.isCollapsed === false
}

/** The verdict is announced to screen readers when its words change, not when only a number does. */
function speak(now: Element, next: Element): void {
  const wordsOf = ({ className, textContent }: Element): string => `${className} ${textContent.replace(/[\d,]+/g, '0')}`
  now.setAttribute('aria-live', wordsOf(now) === wordsOf(next) ? 'off' : 'polite')
  now.className = next.className
  now.textContent = next.textContent
}

function replaceKeeping(now: Element, fresh: Element): void {
  const { activeElement: focused } = document
  const key = focused !== null && now.contains(focused) ? keyOf(focused) : undefined
  for (const place of fresh.querySelectorAll('[data-kept]')) {
    const kept = document.getElementById(place.id)
    if (kept !== null && now.contains(kept)) place.replaceWith(kept)
  }
  for (const opened of now.querySelectorAll('details[open][id]'))
    fresh.querySelector(`#${CSS.escape(opened.id)}`)?.setAttribute('open', '')
  now.replaceWith(fresh)
  if (key === undefined) return
  const again = focused!.isConnected ? focused : fresh.querySelector(key)
  if (again instanceof HTMLElement) again.focus({ preventScroll: true })
}

/** A selector that finds the element in another copy of the page. */
function keyOf(element: Element): string | undefined {
  if (element.id !== '') return `#${CSS.escape(element.id)}`
  for (const name of ['data-verify', 'href']) {
    const value = element.getAttribute(name)
    if (value !== null) return `[${name}="${CSS.escape(value)}"]`
  }
  return element.localName
}
