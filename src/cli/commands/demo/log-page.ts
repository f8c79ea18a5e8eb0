/** The page of a log with two faces: what it shows to whom, and the buttons that publish a head or fork it. Pure. */
import { html, markup } from '../../../dashboard/html.js'
import { STYLE } from '../../../dashboard/style.js'
import { grouped } from '../../../lib/words.js'
import type { ForkableState } from './forkable-log.js'

/** A witness to which a face is shown. */
export interface Seer {
  readonly name: string
  /** The URL of its page. */
  readonly page: string
  readonly face: string
}

/** `url` is the URL of the log. */
export function logPage(state: ForkableState, url: string, seers: readonly Seer[]): string {
  const { log, forked, full, faces } = state
  return `<!doctype html>\n${markup(
    html`<html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${forked ? 'forked: demo log' : 'demo log'}</title>
        <style dangerouslySetInnerHTML=${{ __html: `${STYLE}${OWN_STYLE}` }}></style>
      </head>
      <body>
        <header><h1>gossum demo log</h1></header>
        <main>
          <p class=${forked ? 'verdict split' : 'verdict agreed'} role="status">
            ${
              forked
                ? 'This log shows two histories: the witnesses behind its left face see one, those behind its right face another.'
                : 'This log shows one history to everyone.'
            }
          </p>
          <form method="post" action="/publish"><button disabled=${full}>Publish a head</button></form>
          <form method="post" action="/fork">
            <button class="lie" disabled=${full || forked}>Fork the log: show the right face another history</button>
          </form>
          ${full ? html`<p>It is full and no longer grows.</p>` : null}
          ${forked ? html`<p>Look at the page of any witness: the rope splits, and the proof is on its shelf.</p>` : null}
          <h2>What it shows</h2>
          <table>
            <thead>
              <tr>
                <th scope="col">Face</th>
                <th scope="col">Records</th>
                <th scope="col">Root</th>
                ${seers.length === 0 ? null : html`<th scope="col">Shown to</th>`}
              </tr>
            </thead>
            <tbody>
              ${faces.map(
                ({ face, size, root }) =>
                  html`<tr>
                    <th scope="row">${face}</th>
                    <td>${grouped(size)}</td>
                    <td><code>${root}</code></td>
                    ${seers.length === 0 ? null : html`<td>${seers.filter((seer) => seer.face === face).map(link)}</td>`}
                  </tr>`,
              )}
            </tbody>
          </table>
          <h2>Watch it</h2>
          <pre><code>gossum run --log "${log} ${url}/left"</code></pre>
        </main>
        <footer>The same as JSON: <a href="/state">/state</a></footer>
      </body>
    </html>`,
  )}\n`
}

function link({ name, page }: Seer) {
  return html`<a href=${page}>${name}</a>${' '}`
}

const OWN_STYLE = `
form { margin: .6rem 0 } button { font: inherit; padding: .5rem .9rem; border: 1px solid var(--line); border-radius: .4rem;
  background: var(--panel); color: var(--ink); cursor: pointer; max-width: 100% }
th, td { overflow-wrap: normal } td code { overflow-wrap: anywhere }
button.lie { border-color: var(--bad); color: var(--bad) } button:disabled { opacity: .5; cursor: default }
`
