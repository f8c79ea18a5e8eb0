/** The OpenAPI 3.1 document of what a node answers over HTTP. */
import { VERSION } from '../../version.js'
import type { Operation } from './operation.js'
import { OPERATIONS } from './operations.js'
import * as feedShapes from '../../status/feed-shapes.js'
import * as mirrorShapes from '../../status/mirror-shapes.js'
import * as shapes from '../../status/shapes.js'

const DESCRIPTION = `The HTTP API of a gossum node. Fields are only ever added under v1, so clients must ignore unknown ones. \
Times are ISO 8601, roots base64, keys verifier keys, ids lower-case hex. Every read has an ETag. docs/http.md has the details.`

/** The named schemas. */
const NAMED = Object.entries({ ...shapes, ...feedShapes, ...mirrorShapes })
const NAMES = new Map<unknown, string>(NAMED.map(([name, schema]) => [schema, name]))

/** The document of the public server, as JSON. */
export function openApi(): string {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of OPERATIONS.filter(({ isForOperator }) => isForOperator !== true)) {
    ;(paths[operation.path] ??= {})[operation.method] = describe(operation)
  }
  // Copies lose their identity, so that here each schema is written out.
  const schemas = Object.fromEntries(NAMED.map(([name, schema]) => [name, { ...schema }]))
  const info = { title: 'gossum', version: VERSION, description: DESCRIPTION }
  return JSON.stringify({ openapi: '3.1.0', info, paths, components: { schemas } }, byName)
}

/** Replaces a named schema by a reference to it. */
function byName(_key: string, value: unknown): unknown {
  const name = NAMES.get(value)
  return name === undefined ? value : { $ref: `#/components/schemas/${name}` }
}

function describe({ method, path, summary, parameters = [], body, answers, errors }: Operation): object {
  const words = path.replaceAll(/[{}]/g, '').split(/[^a-z0-9]+/i)
  return {
    operationId: [method, ...words.filter((word) => word !== '')].join('_'),
    summary,
    ...(parameters.length > 0 && {
      parameters: parameters.map((parameter) => ({ ...parameter, required: parameter.in === 'path' })),
    }),
    ...(body !== undefined && {
      requestBody: {
        required: true,
        description: `${body.description}; at most ${body.maxBytes} bytes`,
        content: { [body.type]: { schema: { type: 'string', maxLength: body.maxBytes } } },
      },
    }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, response(answer)])),
      default: response(
        errors === 'problem'
          ? { description: 'a problem', content: { 'application/problem+json': shapes.Problem } }
          : { description: 'the reason, as text', content: { 'text/plain': { type: 'string' } } },
      ),
    },
  }
}

function response({ description, content }: { readonly description: string; readonly content: object }): object {
  return {
    description,
    content: Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema: schema as object }])),
  }
}
