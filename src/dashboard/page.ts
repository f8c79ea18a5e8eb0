/**
 * The page at `/` of a node: what a person should believe of each log, why, and what to do. Readable without scripts, and asks
 * no other host for anything. Names in it are of logs, peers and lists: shown as text, never as markup. Pure.
 */
import type { VNode } from 'preact'
import { goSumDb, isSumDb } from '../status/go-setting.js'
import { beliefIn, liesOf } from '../status/belief.js'
import type { EvidenceView, LogView } from '../status/shapes.js'
import { picturesOf, type NodeReading } from './facts-of.js'
import { html, markup } from './html.js'
import { mountains, mountainsText } from './mountains.js'
import { plain } from './plain.js'
import { ring, ringText } from './ring.js'
import { rope, ropeText } from './rope.js'
import { STYLE } from './style.js'
import { grouped, span } from '../lib/words.js'

/** Seconds after which a browser without scripts asks again. */
const REFRESH_S = 30
/** Characters of a sentence of others that are shown. */
const MOST_TEXT = 400

/** The page, as HTML. */
export function page(reading: NodeReading): string {
  const { status, now } = reading
  const logs = status.logs.map((log) => logSection(reading, log))
  return `<!doctype html>\n${markup(
    html`<html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="refresh" content=${String(REFRESH_S)} />
        <title>${titleOf(reading)}</title>
        <style dangerouslySetInnerHTML=${{ __html: STYLE }}></style>
      </head>
      <body>
        <header>
          <h1>gossum witness ${plain(status.witness.split('+', 1)[0]!)}</h1>
          <span>version ${status.version}, started ${span((now - Date.parse(status.startedAt)) / 1000)} ago</span>
        </header>
        <main>${logs} ${conditions(reading)} ${shelf(reading)} ${witnessTable(reading)}</main>
        <footer>
          As of ${new Date(now).toISOString().slice(0, 19).replace('T', ' ')} UTC. The same as JSON: ${' '}
          <a href="/api/v1/status">/api/v1/status</a>, <a href="/openapi.json">/openapi.json</a>.
        </footer>
      </body>
    </html>`,
  )}\n`
}

/** The worst that is so of any log: for a tab that nobody looks at. */
function titleOf({ status, evidence, now }: NodeReading): string {
  if (status.logs.some((log) => liesOf(log, evidence).length > 0)) return 'PROVEN LIE: gossum'
  const beliefs = status.logs.map((log) => beliefIn(status, log, evidence, now).belief)
  if (beliefs.includes('split')) return 'frozen: gossum'
  return beliefs.includes('thin') ? 'too few to say: gossum' : 'gossum'
}

function logSection(reading: NodeReading, log: LogView): VNode {
  const pictures = picturesOf(reading, log)
  const { rope: ropeFacts, ring: members, mountains: tree } = pictures
  const figure = (picture: VNode, title: string, text: string, kind = ''): VNode =>
    html`<figure class=${kind}>
      <h3>${title}</h3>
      ${picture}
      <figcaption>${text}</figcaption>
    </figure>`
  return html`<section class="log" aria-label=${plain(log.name)}>
    <h2>${plain(log.name)}</h2>
    <p class=${`verdict ${pictures.belief}`} role="status">
      ${plain(pictures.verdict, MOST_TEXT)}${liesOf(log, reading.evidence).length > 0 ? ' The proof is below.' : ''}
    </p>
    <div class="pictures">
      ${figure(rope(ropeFacts), 'The rope: who signs one history', ropeText(ropeFacts), 'wide')}
      ${figure(ring(members), 'The ring: witnesses, and peers inside', ringText(members), 'wide')}
      ${figure(mountains(tree), 'The mountains: the tree, and what was read of it', mountainsText(tree), 'wide')}
    </div>
    ${isSumDb(log) ? forGo(goSumDb(log, reading.status.http)) : null}
    <p><a href=${`/api/v1/logs/${log.id}/pictures`}>What these pictures show, as JSON</a></p>
  </section>`
}

/** What people copy into a shell: nothing of a log whose name would say something else there. */
const COPIED = /^[\w.+/=:[\]-]+ [\w.+/=:[\]-]+$/

function forGo(setting: string): VNode | null {
  if (!COPIED.test(setting)) return null
  return html`<h3>Let the go command ask this node</h3>
    <pre><code>go env -w GOSUMDB="${setting}"</code></pre>
    <p>To undo it: <code>go env -u GOSUMDB</code></p>`
}

function conditions({ status }: NodeReading): VNode {
  if (status.conditions.length === 0)
    return html`<h2>Health</h2>
      <p>All is well.</p>`
  return html`<h2>Health</h2>
    <table>
      <thead>
        <tr>
          <th scope="col">Condition</th>
          <th scope="col">What is so</th>
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

/** What was proven, each with its sentence and its file. */
function shelf({ evidence, status }: NodeReading): VNode {
  if (evidence.length === 0)
    return html`<h2>Evidence</h2>
      <p>None: nobody was proven to lie.</p>`
  return html`<h2>Evidence</h2>
    <table>
      <thead>
        <tr>
          <th scope="col">What is proven</th>
          <th scope="col">Since</th>
          <th scope="col">File</th>
        </tr>
      </thead>
      <tbody>
        ${evidence.map(
          (item) =>
            html`<tr>
              <td>${proven(item, status.logs)}${item.acked ? ' (acknowledged)' : ''}</td>
              <td>${item.seenAt.slice(0, 16).replace('T', ' ')} UTC</td>
              <td><a href=${`/api/v1/evidence/${item.id}`} download=${`${item.id}.json`}>${item.id}</a></td>
            </tr>`,
        )}
      </tbody>
    </table>
    <p>Anybody can check a file without this node: <code>gossum verify FILE --log VKEY</code></p>`
}

function proven({ log, witness, sizes, module }: EvidenceView, logs: readonly LogView[]): string {
  const name = plain(logs.find(({ id }) => id === log)?.name ?? log)
  const [a, b] = sizes.map((size) => grouped(size))
  if (module !== undefined) return `${name} holds two records of ${plain(module, MOST_TEXT)} that contradict each other`
  const who = witness === null ? name : `the witness ${plain(witness.split('+', 1)[0]!)}`
  return `${who} signed two histories${witness === null ? '' : ` of ${name}`}, with heads of ${a!} and of ${b!} records`
}

function witnessTable({ witnesses, now }: NodeReading): VNode {
  return html`<h2>Witnesses</h2>
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
    </table>`
}
