import { describe, expect, test } from 'vitest'
import { MAX_ZIP_BYTES, moduleFiles, ZipNames, type TreeFile } from '../../src/module/zip-rules.js'
import { codeOf } from '../helpers/codes.js'

const file = (name: string, size = 1, kind: TreeFile['kind'] = 'regular'): TreeFile => ({ name, size, kind })
const chosen = (names: readonly string[], isSinceGo124 = false): string[] =>
  moduleFiles(
    names.map((name) => file(name)),
    isSinceGo124,
  ).map(({ name }) => name)

describe('the files of a module', () => {
  test('are all but those of nested modules, vendored packages and Mercurial', () => {
    const in_ = ['go.mod', 'a.go', 'a/b/c.go', 'vendor/modules.txt', 'vendor/x.go', '.gitattributes', 'a/LICENSE']
    const out = ['vendor/x/x.go', 'n/go.mod', 'n/n.go', 'n/deep/er/n.go', '.hg_archival.txt', 'N2/GO.MOD', 'N2/x']
    expect(chosen([...in_, ...out])).toEqual(in_)
  })

  test('in vendor folders below the root follow the rules before or since Go 1.24', () => {
    const names = ['vendor/modules.txt', 'pkg/vendor/vendor.go', 'pkg/vendor/x/x.go', 'p/vendor/v.go']
    expect(chosen(names)).toEqual(['vendor/modules.txt'])
    expect(chosen(names, true)).toEqual(['pkg/vendor/vendor.go', 'p/vendor/v.go'])
  })

  test('exclude links, and a link named go.mod makes no module', () => {
    const tree = [
      file('a'),
      file('l', 1, 'symlink'),
      file('d', 1, 'other'),
      file('n/go.mod', 1, 'symlink'),
      file('n/x'),
    ]
    expect(moduleFiles(tree, false).map(({ name }) => name)).toEqual(['a', 'n/x'])
  })

  test.each([
    ['a name that a system does not take', [file('a:b')]],
    ['two names that differ in case', [file('README'), file('readme')]],
    ['a go.mod in capitals', [file('Go.mod')]],
    ['more than 500 MiB', [file('a', MAX_ZIP_BYTES), file('b')]],
    ['a large go.mod', [file('go.mod', 16 * 1024 * 1024 + 1)]],
    ['a large LICENSE', [file('LICENSE', 16 * 1024 * 1024 + 1)]],
  ])('cannot have %s', (_, tree) => {
    expect(codeOf(() => moduleFiles(tree, false))).toBe('MODULE_ZIP_INVALID')
  })

  test('may have the maximum size, and excluded files do not count', () => {
    const tree = [file('a', MAX_ZIP_BYTES), file('vendor/x/y', MAX_ZIP_BYTES), file('l', 9, 'symlink')]
    expect(moduleFiles(tree, false)).toHaveLength(1)
  })
})

describe('the entries of a module zip', () => {
  const refusal = (...entries: [name: string, size: number][]) => {
    const names = new ZipNames('m@v1.0.0/')
    return codeOf(() => entries.forEach(([name, size]) => names.require(name, size)))
  }

  test('are below "module@version/", including folders', () => {
    expect(refusal(['m@v1.0.0/', 0], ['m@v1.0.0/go.mod', 5], ['m@v1.0.0/a/', 0], ['m@v1.0.0/a/b', 1])).toBe('accepted')
  })

  test.each<[string, ...[string, number][]]>([
    ['another module', ['n@v1.0.0/a', 1]],
    ['a path traversal', ['m@v1.0.0/../a', 1]],
    ['a duplicate entry', ['m@v1.0.0/a', 1], ['m@v1.0.0/a', 1]],
    ['another case', ['m@v1.0.0/a', 1], ['m@v1.0.0/A', 1]],
    ['a file that is a folder', ['m@v1.0.0/a/', 0], ['m@v1.0.0/a', 1]],
    ['a go.mod below', ['m@v1.0.0/a/go.mod', 1]],
    ['a GO.MOD', ['m@v1.0.0/GO.MOD', 1]],
    ['too much', ['m@v1.0.0/a', MAX_ZIP_BYTES], ['m@v1.0.0/b', 1]],
  ])('%s', (_, ...entries) => {
    expect(refusal(...entries)).toBe('MODULE_ZIP_INVALID')
  })
})
