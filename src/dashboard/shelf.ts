/**
 * The shelf of evidence: each piece with its sentence, its file, and a button that verifies it in the reader's browser.
 * Pure.
 */
import type { VNode } from 'preact'
import type { EvidenceView, LogView } from '../status/shapes.js'
import type { NodeReading } from './facts-of.js'
import { html } from './html.js'
import { provenText } from './proven.js'

export function shelf({ evidence, status }: NodeReading): VNode {
  return html`<section id="evidence" data-part="" aria-labelledby="evidence-title">
    <h2 id="evidence-title">Evidence</h2>
    ${
      evidence.length === 0
        ? html`<p>None: nobody was proven to lie.</p>`
        : html`<ol class="shelf">
              ${evidence.map((item) => evidenceItem(item, status.logs))}
            </ol>
            <p>
              Each file proves it to anyone, without this node:${' '}
              <code>gossum verify FILE --log VKEY</code>
            </p>`
    }
  </section>`
}

function evidenceItem(item: EvidenceView, logs: readonly LogView[]): VNode {
  const { id, log, seenAt, acked } = item
  const sentence = provenText(item, logs.find((each) => each.id === log)?.name ?? log)
  return html`<li>
    <p class="proven">${sentence}${acked ? ' (acknowledged)' : ''}</p>
    <p class="fine">
      since ${seenAt.slice(0, 16).replace('T', ' ')} UTC, file${' '}
      <a href=${`/api/v1/evidence/${id}`} download=${`${id}.json`}>${id}</a>
    </p>
    <button type="button" class="scripted" data-verify=${id} aria-label=${`verify here: evidence ${id}`}>
      verify here
    </button>
    <div class="answer" data-kept="" id=${`verified-${id}`}></div>
  </li>`
}
