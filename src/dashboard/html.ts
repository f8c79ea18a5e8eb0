/** Templates that escape what is inserted into them, for pages and for pictures. Pure. */
import { html as template } from 'htm/preact'
import type { VNode } from 'preact'
import { renderToStaticMarkup } from 'preact-render-to-string'

/** A template of HTML or SVG: a value in `${}` is text or another template, never markup. */
export const html = template as (parts: TemplateStringsArray, ...values: unknown[]) => VNode

/** The markup of a template. */
export const markup = (node: VNode): string => renderToStaticMarkup(node)
