/** Checks files that are chosen, dropped or pasted, and shows the results. Asks before names of modules are sent. */
import { MAX_EVIDENCE_BYTES } from '../evidence/evidence.js'
import { errorText } from '../errors.js'
import { utf8 } from '../tlog/bytes.js'
import { checkEvidence } from './evidence-check.js'
import { kindOfFile, MAX_CHECKED_BYTES } from './file-kind.js'
import { checkPlan, MOST_MODULES, planOf } from './gosum-check.js'
import { checkRemembered } from './head-check.js'
import { bodyFromNode } from './own-node.js'
import { element, showAnswer, showWork, type CheckAnswer } from './shown-answer.js'
import { keysOfNode, type LogOfNode, type NodeKeys } from './trusted-keys.js'
import { countedOf } from './words-of-checks.js'

/** The most answers that are shown. */
const MOST_ANSWERS = 20

export function offerChecks(form: HTMLElement): void {
  const [file, drop] = [form.querySelector<HTMLInputElement>('#file')!, form.querySelector<HTMLElement>('#drop')!]
  const pasted = form.querySelector<HTMLTextAreaElement>('#pasted')!
  const take = (files: FileList | null | undefined): void => {
    for (const one of files ?? []) void checkFile(form, one)
  }
  file.addEventListener('change', () => {
    take(file.files)
    // So that the same file can be chosen and checked again.
    file.value = ''
  })
  form.querySelector('#check-pasted')!.addEventListener('click', () => {
    const box = answerBox(form, 'the text')
    void answer(box, () => checkBytes(form, box, utf8(pasted.value)))
  })
  form.addEventListener('paste', ({ clipboardData }) => take(clipboardData?.files))
  // The browser would open a file that is dropped elsewhere in place of the page.
  for (const name of ['dragover', 'drop'] as const) document.addEventListener(name, (event) => event.preventDefault())
  document.addEventListener('dragover', () => drop.classList.add('over'))
  document.addEventListener('dragleave', () => drop.classList.remove('over'))
  document.addEventListener('drop', ({ dataTransfer }) => {
    drop.classList.remove('over')
    take(dataTransfer?.files)
  })
}

/** Verifies evidence of the node when its button is pressed. */
export function offerVerifying(): void {
  document.addEventListener('click', ({ target }) => {
    const button = target instanceof Element ? target.closest<HTMLElement>('[data-verify]') : null
    const id = button?.dataset['verify']
    const box = id === undefined ? null : document.getElementById(`verified-${id}`)
    if (id === undefined || box === null) return
    showWork(box, 'Fetching the file, and verifying it in this browser …')
    void answer(box, async () => {
      const [bytes, keys] = await Promise.all([
        bodyFromNode(`/api/v1/evidence/${encodeURIComponent(id)}`, MAX_EVIDENCE_BYTES),
        keysOfNode(),
      ])
      return checkEvidence(bytes, keys, id)
    })
  })
}

async function checkFile(form: HTMLElement, file: File): Promise<void> {
  const box = answerBox(form, file.name)
  await answer(box, async () => {
    if (file.size > MAX_CHECKED_BYTES) return tooLarge(file.size)
    return checkBytes(form, box, new Uint8Array(await file.arrayBuffer()))
  })
}

/** Undefined if the user has to decide how to continue. */
async function checkBytes(form: HTMLElement, box: HTMLElement, bytes: Uint8Array): Promise<CheckAnswer | undefined> {
  if (bytes.length > MAX_CHECKED_BYTES) return tooLarge(bytes.length)
  if (bytes.length === 0)
    return {
      kind: 'unsure',
      sentence: 'It is empty.',
      details: ['As the head that the go command remembers, this means that it remembers none yet.'],
    }
  const kind = kindOfFile(bytes)
  if (kind === undefined)
    return {
      kind: 'unsure',
      sentence: 'This is neither a go.sum, nor a signed head, nor evidence.',
      details: ['Nothing was sent.'],
    }
  const keys = await keysOfNode()
  switch (kind) {
    case 'evidence':
      return checkEvidence(bytes, keys)
    case 'head': {
      const stop = withStop(box, 'Proving the head from tiles …')
      return checkRemembered(bytes, keys, stop)
    }
    case 'go.sum':
      askFirst(form, box, bytes, keys)
      return undefined
  }
}

/** Shows what would be sent, and waits for confirmation. */
function askFirst(form: HTMLElement, box: HTMLElement, bytes: Uint8Array, keys: NodeKeys): void {
  const log = databaseFor(form, keys)
  if (log === undefined) {
    const details = ['This node follows none that can be asked.']
    showAnswer(box, { kind: 'unsure', sentence: 'There is no checksum database here to check it against.', details })
    return
  }
  const count = element('p')
  const patterns = element('input', { type: 'text', spellcheck: 'false', autocomplete: 'off', id: `private-${box.id}` })
  const check = element('button', { type: 'button' }, 'send the names and check')
  const cancel = element('button', { type: 'button' }, 'do not')
  const tell = (): void => {
    const { modules, withheld } = planOf(bytes, patterns.value)
    const isTooMany = modules.length > MOST_MODULES
    const held = withheld === 0 ? '' : ` ${countedOf(withheld, 'version')} of private modules will not be named.`
    const words = isTooMany
      ? `${countedOf(modules.length, 'module version')} are too many for a page: use gossum check go.sum.`
      : `To check it, the names of ${countedOf(modules.length, 'module version')} go to this node (${location.host}), which may ask ${log.key.name} for them.${held}`
    count.textContent = words
    check.disabled = isTooMany || modules.length === 0
  }
  patterns.addEventListener('input', tell)
  tell()
  const label = element(
    'label',
    { for: patterns.id },
    'Private modules, which are not named (patterns as in GOPRIVATE)',
  )
  const said = element('p', { class: 'said', tabindex: '-1' }, 'A go.sum. Nothing was sent yet.')
  box.replaceChildren(said, count, label, patterns, element('p', {}, check, ' ', cancel))
  said.focus({ preventScroll: true })
  cancel.addEventListener('click', () =>
    showAnswer(box, { kind: 'unsure', sentence: 'Not checked. Nothing was sent.', details: [] }),
  )
  check.addEventListener('click', () => {
    const plan = planOf(bytes, patterns.value)
    const all = countedOf(plan.modules.length, 'module version')
    const signal = withStop(box, `Asking this node for ${all} …`)
    const onAsked = (asked: number): void => {
      box.querySelector('p')!.textContent = `${asked} answers for ${all} …`
    }
    void answer(box, () => checkPlan(plan, log, keys, { onAsked, signal }))
  })
}

/** The chosen database, otherwise the first one. */
function databaseFor(form: HTMLElement, { logs }: NodeKeys): LogOfNode | undefined {
  const chosen = form.querySelector<HTMLSelectElement>('#database')?.value
  const databases = logs.filter(({ isDatabase }) => isDatabase)
  return databases.find(({ id }) => id === chosen) ?? databases[0]
}

/** Shows what is in progress, with a button that aborts the returned signal. */
function withStop(box: HTMLElement, text: string): AbortSignal {
  const controller = new AbortController()
  const stop = element('button', { type: 'button' }, 'stop')
  stop.addEventListener('click', () => controller.abort(new Error('stopped')))
  showWork(box, text)
  box.append(stop)
  return controller.signal
}

async function answer(box: HTMLElement, act: () => Promise<CheckAnswer | undefined>): Promise<void> {
  try {
    const found = await act()
    if (found !== undefined) showAnswer(box, found)
  } catch (error) {
    showAnswer(box, { kind: 'unsure', sentence: 'This could not be checked.', details: [errorText(error)] })
  }
}

function answerBox(form: HTMLElement, name: string): HTMLElement {
  const list = form.querySelector('#answers')!
  const box = element('div', { class: 'answer', id: `answer-${++boxes}` })
  const title = element('h3', {}, name.length > 100 ? `${name.slice(0, 99)}…` : name)
  list.prepend(element('div', {}, title, box))
  while (list.children.length > MOST_ANSWERS) list.lastElementChild!.remove()
  return box
}
let boxes = 0

function tooLarge(bytes: number): CheckAnswer {
  const details = [
    `It has ${bytes} bytes, more than the ${MAX_CHECKED_BYTES} that a page accepts. The command line accepts larger files.`,
  ]
  return { kind: 'unsure', sentence: 'It is too large for a page.', details }
}
