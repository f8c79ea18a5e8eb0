// Runs the built program again and again in one process, each time from its first line on: `gossum()` of cli.ts starts
// this and says what to run. The modules of the program are loaded once, and that is four fifths of what a short command
// costs. A run has ended when a process of its own would have: when nothing is left to wait for.
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'

const [program] = process.argv.slice(2)
const directory = process.cwd()
let runs = 0

process.on('message', (order) => void run(order))
process.on('disconnect', () => process.exit())

async function run({ args, env, cwd, input }) {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
  process.chdir(cwd ?? directory)
  process.argv = [process.execPath, program, ...args]
  process.exitCode = undefined
  const stdin = Readable.from(input === '' ? [] : [Buffer.from(input, 'base64')], { objectMode: false })
  Object.defineProperty(process, 'stdin', { configurable: true, value: stdin })
  const [stdout, stderr] = [process.stdout, process.stderr].map(capture)
  const before = listeners()
  await import(`${pathToFileURL(program).href}?run=${++runs}`)
  // What the program itself does when nothing is left comes first: it is told of in the same order.
  process.once('beforeExit', () => {
    const code = process.exitCode ?? 0
    restore(before)
    for (const each of [stdout, stderr]) each.end()
    process.channel.ref()
    process.send({ code, stdout: stdout.text(), stderr: stderr.text() })
  })
  process.channel.unref()
}

/** What is written to a stream is kept instead, until its end. */
function capture(stream) {
  const [chunks, write] = [[], stream.write]
  stream.write = (chunk, encoding, done) => {
    chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk))
    const callback = typeof encoding === 'function' ? encoding : done
    if (callback !== undefined) process.nextTick(callback)
    return true
  }
  return {
    text: () => Buffer.concat(chunks).toString('utf8'),
    end: () => {
      stream.write = write
      stream.removeAllListeners('error')
    },
  }
}

function listeners() {
  return new Map(process.eventNames().map((name) => [name, process.rawListeners(name)]))
}

/** Takes away what a run has left to be told of. */
function restore(before) {
  for (const name of process.eventNames())
    for (const listener of process.rawListeners(name))
      if (!(before.get(name) ?? []).includes(listener)) process.removeListener(name, listener)
}
