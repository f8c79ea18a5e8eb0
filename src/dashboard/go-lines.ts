/** What a team copies so that its go command asks this node, and how to undo that. Pure. */
import type { VNode } from 'preact'
import { askable, goSumDb, isSumDb } from '../status/go-setting.js'
import type { LogView } from '../status/shapes.js'
import type { NodeReading } from './facts-of.js'
import { html } from './html.js'
import { plain } from './plain.js'

/** Text that is safe to copy into a shell: not for a log whose name would have a meaning there. */
const COPIED = /^[\w.+/=:[\]-]+ [\w.+/=:[\]-]+$/

export function goLines({ status }: NodeReading): VNode | null {
  const settings = status.logs
    .filter(isSumDb)
    .map((log) => ({ log, setting: goSumDb(log, status.http) }))
    .filter(({ setting }) => COPIED.test(setting))
  if (settings.length === 0) return null
  return html`<section id="go" data-part="" aria-labelledby="go-title">
    <h2 id="go-title">Let the go command ask this node</h2>
    ${settings.map(({ log, setting }) => settingOf(log, setting))}
    <p>To undo it: <code>go env -u GOSUMDB</code></p>
    <p class="fine">
      Or go through GOPROXY, which needs no change of GOSUMDB:${' '}
      <code>go env -w GOPROXY="${askable(status.http)},$(go env GOPROXY)"</code>, undone with${' '}
      <code>go env -u GOPROXY</code>.
    </p>
  </section>`
}

function settingOf({ name }: LogView, setting: string): VNode {
  return html`<h3>${plain(name)}</h3>
    <pre tabindex="0"><code>go env -w GOSUMDB="${setting}"</code></pre>`
}
