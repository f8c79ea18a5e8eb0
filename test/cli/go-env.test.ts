import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { goEnv } from '../../src/cli/go-env.js'
import { scratchFolder } from '../helpers/home.js'

const { dir, file } = scratchFolder()

function hasGo(): boolean {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const TEXT = [
  '# a comment',
  'GOPRIVATE=first.example',
  'GONOSUMDB=',
  'lower=x',
  'no equals sign',
  ' GOPATH=/indented',
  'GOFLAGS=-mod=mod -v',
  'GOPRIVATE=last.example,b.example',
].join('\n')

describe('settings of the go command', () => {
  const env = file('env', TEXT)

  it('come first from the environment, then from the file of go env -w', () => {
    expect(goEnv('GOPRIVATE', { GOENV: env, GOPRIVATE: 'mine.example' })).toBe('mine.example')
    expect(goEnv('GOPRIVATE', { GOENV: env, GOPRIVATE: '' })).toBe('last.example,b.example')
    expect(goEnv('GOFLAGS', { GOENV: env })).toBe('-mod=mod -v')
  })

  it('that are empty, indented or missing are not set', () => {
    for (const name of ['GONOSUMDB', 'GOPATH', 'GOROOT', '# a comment', 'lower']) {
      expect(goEnv(name, { GOENV: env }), name).toBeUndefined()
    }
  })

  it('have no file with GOENV=off, or if it is missing', () => {
    for (const GOENV of ['off', join(dir, 'nowhere'), dir]) {
      expect(goEnv('GOPRIVATE', { GOENV, HOME: dir })).toBeUndefined()
    }
  })

  it.skipIf(process.platform !== 'linux')('have their file in the configuration folder of the user', () => {
    for (const config of ['.config', 'xdg']) {
      mkdirSync(join(dir, config, 'go'), { recursive: true })
      writeFileSync(join(dir, config, 'go', 'env'), `GOPRIVATE=${config}.example\n`)
    }
    expect(goEnv('GOPRIVATE', { HOME: dir })).toBe('.config.example')
    expect(goEnv('GOPRIVATE', { HOME: dir, XDG_CONFIG_HOME: join(dir, 'xdg') })).toBe('xdg.example')
    expect(goEnv('GOPRIVATE', { HOME: dir, XDG_CONFIG_HOME: 'relative' })).toBeUndefined()
  })

  it.skipIf(process.platform === 'win32')('come last from $GOROOT/go.env, wherever the go command is installed', () => {
    const root = join(dir, 'lib', 'go-1.99')
    mkdirSync(join(root, 'bin'), { recursive: true })
    mkdirSync(join(dir, 'links'))
    writeFileSync(join(root, 'go.env'), 'GOPRIVATE=root.example\nGOPROXY=https://root.example\n')
    writeFileSync(join(root, 'bin', 'go'), '#!/bin/sh\n', { mode: 0o755 })
    symlinkSync(join(root, 'bin', 'go'), join(dir, 'links', 'go'))
    const GOENV = file('own', 'GOPROXY=\n')
    for (const env of [{ PATH: `/nowhere:relative:${join(dir, 'links')}` }, { GOROOT: root, PATH: '' }]) {
      expect(goEnv('GOPRIVATE', { ...env, GOENV: 'off' })).toBe('root.example')
      expect(goEnv('GOPRIVATE', { ...env, GOENV, GOPRIVATE: 'mine.example' })).toBe('mine.example')
      // If the user sets it to the empty string, it is empty.
      expect(goEnv('GOPROXY', { ...env, GOENV })).toBeUndefined()
    }
    expect(goEnv('GOPRIVATE', { PATH: dir, GOENV })).toBeUndefined()
  })

  it.skipIf(!hasGo())('match the output of the go command itself', () => {
    const home = {
      PATH: process.env['PATH']!,
      HOME: dir,
      GOTOOLCHAIN: 'local',
      GOENV: file('real', `GOPRIVATE=a.example/*\n`),
    }
    const said = execFileSync('go', ['env', 'GOPRIVATE', 'GONOSUMDB'], { env: home, encoding: 'utf8' }).split('\n')
    expect(goEnv('GOPRIVATE', home)).toBe(said[0])
    expect(goEnv('GONOSUMDB', home) ?? goEnv('GOPRIVATE', home)).toBe(said[1])
  })
})
