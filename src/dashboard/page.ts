/**
 * The page at `/` of a node: what a person should believe of each log, why, and what to do. Readable without scripts,
 * and without requests to other hosts. Names in it come from logs, peers and lists: shown as text, never as markup.
 * Pure.
 *
 * With scripts the page follows the node (src/browser/): what has `data-part` is replaced when it changes, and what has
 * `data-kept` belongs to the reader, and stays.
 */
import type { VNode } from 'preact'
import { beliefIn, liesOf } from '../status/belief.js'
import type { LogView } from '../status/shapes.js'
import { checkForm } from './check-form.js'
import { picturesOf, type NodeReading } from './facts-of.js'
import { goLines } from './go-lines.js'
import { html, markup } from './html.js'
import { mountains, mountainsText } from './mountains.js'
import { outcomes, outcomesText } from './outcomes.js'
import { plain } from './plain.js'
import { MOST_TEXT } from './proven.js'
import { ring, ringText } from './ring.js'
import { rope, ropeText } from './rope.js'
import { shelf } from './shelf.js'
import { STYLE } from './style.js'
import { grouped, span } from '../lib/words.js'

/** Seconds after which a browser without scripts reloads the page. */
const REFRESH_S = 30

/** The page, as HTML. `script` is the path of the page's script, if there is one. */
export function page(reading: NodeReading, script?: string): string {
  const { status, now } = reading
  const refresh = html`<meta http-equiv="refresh" content=${String(REFRESH_S)} />`
  return `<!doctype html>\n${markup(
    html`<html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        ${script === undefined ? refresh : html`<noscript>${refresh}</noscript>`}
        <title>${titleOf(reading)}</title>
        <style dangerouslySetInnerHTML=${{ __html: STYLE }}></style>
        ${script === undefined ? null : html`<script src=${script} defer></script>`}
      </head>
      <body>
        <header>
          <h1>gossum ${status.witness === null ? 'observer' : `witness ${plain(status.witness.split('+', 1)[0]!)}`}</h1>
          <span id="since" data-part="">
            version ${status.version}, started ${span((now - Date.parse(status.startedAt)) / 1000)} ago
          </span>
          <p id="live" class="scripted fine"></p>
        </header>
        <main>
          ${status.logs.map((log) => logSection(reading, log))} ${shelf(reading)} ${checkForm(reading)}
          ${goLines(reading)} ${conditions(reading)} ${witnessTable(reading)}
        </main>
        <footer id="as-of" data-part="">
          As of ${new Date(now).toISOString().slice(0, 19).replace('T', ' ')} UTC. The same as JSON:${' '}
          <a href="/api/v1/status">/api/v1/status</a>, <a href="/openapi.json">/openapi.json</a>.
        </footer>
      </body>
    </html>`,
  )}\n`
}

/** The worst state of any log: for a tab in the background. */
function titleOf({ status, evidence, now }: NodeReading): string {
  if (status.logs.some((log) => liesOf(log, evidence).length > 0)) return 'PROVEN LIE: gossum'
  const beliefs = status.logs.map((log) => beliefIn(status, log, evidence, now).belief)
  if (beliefs.includes('split')) return 'frozen: gossum'
  return beliefs.includes('thin') ? 'too few to say: gossum' : 'gossum'
}

function logSection(reading: NodeReading, log: LogView): VNode {
  const pictures = picturesOf(reading, log)
  const { rope: ropeFacts, ring: members, mountains: tree, outcomes: counts } = pictures
  const name = plain(log.name)
  const id = `log-${log.id}`
  const figure = (kind: string, draw: (isNarrow: boolean) => VNode, title: string, text: string): VNode =>
    html`<figure id=${`${id}-${kind}`} data-part="">
      <h3>${title}</h3>
      <div class="for-wide">${draw(false)}</div>
      <div class="for-narrow">${draw(true)}</div>
      <figcaption>${text}</figcaption>
    </figure>`
  return html`<section class="log" aria-label=${name}>
    <h2>${name}</h2>
    <p id=${`${id}-verdict`} data-part="" class=${`verdict ${pictures.belief}`} role="status">
      ${plain(pictures.verdict, MOST_TEXT)}${liesOf(log, reading.evidence).length > 0 ? ' The proof is below.' : ''}
    </p>
    ${figure('rope', (isNarrow) => rope(ropeFacts, isNarrow), 'The rope: who signs one history', ropeText(ropeFacts))}
    ${figure('ring', (isNarrow) => ring(members, isNarrow), 'The ring: witnesses, and peers inside', ringText(members))}
    ${figure('mountains', (isNarrow) => mountains(tree, isNarrow), 'The mountains: the tree, and how much of it was read', mountainsText(tree))}
    ${figure('outcomes', (isNarrow) => outcomes(counts, isNarrow), 'The heartbeat: what became of arriving heads', outcomesText(counts))}
    <p class="fine"><a href=${`/api/v1/logs/${log.id}/pictures`}>What these pictures show, as JSON</a></p>
  </section>`
}

function conditions({ status }: NodeReading): VNode {
  return html`<section id="health" data-part="" aria-labelledby="health-title">
    <h2 id="health-title">Health</h2>
    ${
      status.conditions.length === 0
        ? html`<p>This node knows of no problem.</p>`
        : html`<table>
            <thead>
              <tr>
                <th scope="col">Condition</th>
                <th scope="col">What is wrong</th>
              </tr>
            </thead>
            <tbody>
              ${status.conditions.map(
                ({ name, severity, text }) =>
                  html`<tr>
                    <td class=${severity}>${name} (${severity})</td>
                    <td>${plain(text, MOST_TEXT)}</td>
                  </tr>`,
              )}
            </tbody>
          </table>`
    }
  </section>`
}

function witnessTable({ witnesses, now }: NodeReading): VNode {
  return html`<section id="witnesses" data-part="" aria-labelledby="witnesses-title">
    <h2 id="witnesses-title">Witnesses</h2>
    <table>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Counts</th>
          <th scope="col">Last seen to sign</th>
        </tr>
      </thead>
      <tbody>
        ${witnesses.map(
          ({ name, own, counted, last, convicted }) =>
            html`<tr>
              <td>${plain(name)}${own ? ' (this node)' : ''}</td>
              <td>${convicted !== null ? 'no: convicted' : counted ? 'yes' : 'no'}</td>
              <td>
                ${last === null ? 'never' : `${grouped(last.size)}, ${span(Math.max(0, now - Date.parse(last.time)) / 1000)} ago`}
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
  </section>`
}
