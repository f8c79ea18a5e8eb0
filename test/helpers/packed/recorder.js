// Preloaded into a packed program that is run for this: keeps the code that V8 has made of its files by the end of the
// process, with all functions that were used, for loader.js. Also a CommonJS module.
const { writeFileSync } = require('node:fs')
const v8 = require('node:v8')
const vm = require('node:vm')

const recorded = new Map()

vm.Script = class extends vm.Script {
  constructor(text, options) {
    super(text, options)
    recorded.set(options.filename, this)
  }
}
// A node sets a flag at its start, and V8 takes no code that was made under another: both states are recorded, each in
// a process of its own. The loader's own flag is always set.
const { setFlagsFromString } = v8
if (process.env['RECORD_WITHOUT_FLAGS'] !== undefined)
  v8.setFlagsFromString = (flag) => flag.startsWith('--wasm-') && setFlagsFromString(flag)

process.on('exit', () => {
  for (const [filename, script] of recorded)
    writeFileSync(`${filename}.${v8.cachedDataVersionTag()}`, script.createCachedData())
})
