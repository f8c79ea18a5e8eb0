/**
 * The form for a file that the reader's browser checks. It needs scripts; without them it shows which command does the
 * same. Pure.
 */
import type { VNode } from 'preact'
import { isSumDb } from '../status/go-setting.js'
import type { NodeReading } from './facts-of.js'
import { html } from './html.js'
import { plain } from './plain.js'

export function checkForm({ status }: NodeReading): VNode {
  const databases = status.logs.filter(isSumDb)
  return html`<section id="check" data-kept="" aria-labelledby="check-title">
    <h2 id="check-title">Check a file of yours</h2>
    <div class="scripted">
      <p id="check-about">
        A go.sum, the head that the go command remembers (<code>latest</code> in${' '}
        <code>$(go env GOPATH)/pkg/sumdb/NAME</code>), evidence, or what a build printed. The file is read in this
        browser and sent nowhere; you are asked before names of modules are sent to this node.
      </p>
      <div class="drop" id="drop">
        <p>Drop a file here, or</p>
        <label for="file">choose one</label>
        <input type="file" id="file" aria-describedby="check-about" />
        <label for="pasted">or paste its text</label>
        <textarea id="pasted" rows="3" spellcheck="false" autocomplete="off" aria-describedby="check-about"></textarea>
        ${
          databases.length < 2
            ? null
            : html`<label for="database">The database of a go.sum</label>
                <select id="database">
                  ${databases.map(({ id, name }) => html`<option value=${id}>${plain(name)}</option>`)}
                </select>`
        }
        <button type="button" id="check-pasted">check the text</button>
      </div>
      <div id="answers"></div>
    </div>
    <p class="unscripted">
      In a terminal: <code>gossum check go.sum</code>, <code>gossum check head</code>,${' '}
      <code>gossum verify FILE</code>. With scripts enabled, this page can do it as well.
    </p>
  </section>`
}
