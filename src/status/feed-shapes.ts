/** The schema of the JSON Feed. Pure. Loaded, like all schemas, only for the description of the API. */
import Type from 'typebox'
import { time } from './field-shapes.js'

const { Array: List, Object: Shape, String: Text } = Type

export const JsonFeed = Shape({
  version: Type.Literal('https://jsonfeed.org/version/1.1'),
  title: Text(),
  description: Text(),
  authors: List(Shape({ name: Text({ description: 'key name of the witness' }) })),
  items: List(
    Shape({
      id: Text({ pattern: '^urn:uuid:', description: 'never changes' }),
      title: Text(),
      content_text: Text(),
      date_published: time(),
      tags: List(Type.Enum(['evidence', 'suspect', 'watch', 'unauthorised'])),
      url: Type.Optional(Text({ description: 'where the proof can be read, relative to the address of the feed' })),
    }),
    { description: 'the newest first' },
  ),
})
export type JsonFeed = Type.Static<typeof JsonFeed>
