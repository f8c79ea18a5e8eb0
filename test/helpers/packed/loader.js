// Loads the files of the packed program with the code that V8 made of them when it was packed (recorder.js): compiling
// them is a third of a node's start. A CommonJS module, since packed-program.ts copies it into the packed program. Code of
// another V8, or made under other flags, would be rejected, so its name has the tag of both; a file without is compiled.
const { readFileSync } = require('node:fs')
const Module = require('node:module')
const { dirname, sep } = require('node:path')
const { cachedDataVersionTag, setFlagsFromString } = require('node:v8')
const { constants, Script } = require('node:vm')

// After its first request V8 optimises undici's parser, which is WebAssembly: a third of what a short life costs.
setFlagsFromString('--wasm-tiering-budget=2147483647')

const compile = Module.prototype._compile

Module.prototype._compile = function (text, filename) {
  if (!filename.startsWith(__dirname + sep)) return compile.call(this, text, filename)
  const script = new Script(Module.wrap(text), {
    filename,
    cachedData: codeOf(filename),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  const load = script.runInThisContext()
  return load.call(this.exports, this.exports, Module.createRequire(filename), this, filename, dirname(filename))
}

function codeOf(filename) {
  try {
    return readFileSync(`${filename}.${cachedDataVersionTag()}`)
  } catch {
    return undefined
  }
}
