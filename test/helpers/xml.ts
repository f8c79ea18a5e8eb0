/** XML as a tree, by a parser that accepts only well-formed text. */
import { SaxesParser } from 'saxes'

export interface Element {
  readonly name: string
  /** Of the namespace. */
  readonly uri: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Element[]
  text: string
}

/** The root element. Throws if the text is not well-formed. */
export function parseXml(text: string): Element {
  const root: Element = { name: '', uri: '', attributes: {}, children: [], text: '' }
  const open = [root]
  const parser = new SaxesParser({ xmlns: true })
  parser.on('error', (error) => {
    throw error
  })
  parser.on('opentag', ({ local, uri, attributes }) => {
    const values = Object.fromEntries(Object.entries(attributes).map(([name, { value }]) => [name, value]))
    const element: Element = { name: local, uri, attributes: values, children: [], text: '' }
    open.at(-1)!.children.push(element)
    open.push(element)
  })
  parser.on('text', (piece) => void (open.at(-1)!.text += piece))
  parser.on('closetag', () => void open.pop())
  parser.write(text).close()
  return root.children[0]!
}
