/**
 * The style of the page and its pictures: light or dark according to the reader's system, readable at 360 pixels, and
 * on paper.
 *
 * Pure.
 */

const LIGHT = `--ground: #fbfaf7; --ink: #1d2326; --faint: #5b646a; --line: #d9d6cd; --rope: #2f6f4f; --own: #1f5f9e;
  --warn: #7a4f00; --bad: #b3261e; --panel: #ffffff`
const DARK = `--ground: #14181a; --ink: #e6e9ea; --faint: #a3adb2; --line: #333b40; --rope: #79c79b; --own: #7fb4ea;
  --warn: #e2b04c; --bad: #ff8a80; --panel: #1b2124`

/** The colours, as CSS variables for a selector. */
const colours = (of: string): string => `${of} { color-scheme: light dark; ${LIGHT} }
@media (prefers-color-scheme: dark) { ${of} { ${DARK} } }
@media print { ${of} { ${LIGHT} } }`

/** The style of the elements of a picture. */
const DRAWN = `
svg text { fill: var(--ink); font-size: 12px; font-family: system-ui, sans-serif } svg text.axis { fill: var(--faint) }
svg line.axis, svg .orbit { stroke: var(--line); fill: none }
.strand path { fill: none; stroke: var(--rope); stroke-width: 3; stroke-linecap: round } .strand.own path { stroke: var(--own) }
.strand.loose path { stroke-dasharray: 5 5; opacity: .7 } .strand .mark { fill: none; stroke: var(--ink); stroke-width: 2 }
.strand.strayed .leaving, .strand.strayed .mark { stroke: var(--bad) } svg .label.strayed { fill: var(--bad) }
svg .label.loose { fill: var(--faint) }
.member .mark { fill: var(--rope); stroke: var(--rope); stroke-width: 2 }
.member.own .mark { fill: var(--own); stroke: var(--own) } .member.late .mark circle { fill: none }
.member.silent .mark { fill: none; stroke: var(--faint) }
.member.convicted .mark { stroke: var(--bad); fill: none; stroke-width: 3 }
.mountain .outline { fill: none; stroke: var(--faint) } .mountain .read { fill: var(--rope); opacity: .75 }
svg .mountain text { fill: var(--faint) }
.block rect { stroke-width: 1; stroke: none } .block.advanced rect { fill: var(--rope) }
.block.known rect { fill: var(--rope); opacity: .45 } .block.past rect { fill: var(--own); opacity: .6 }
.block.pending rect { fill: var(--warn) } .block.refused rect { fill: none; stroke: var(--faint) }
.block.conflict rect { fill: none; stroke: var(--bad) } .block.conflict path { stroke: var(--bad); stroke-width: 1.5 }
`

/** The style that a picture needs as a separate file. */
export const PICTURE_STYLE = `${colours('svg')}${DRAWN}svg { background: var(--panel) }`

export const STYLE = `
${colours(':root')}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1rem; font-weight: 600; margin: 0 }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
h3 { font-size: .95rem; margin: 1.2rem 0 .3rem; color: var(--faint); font-weight: 600 }
header { display: flex; flex-wrap: wrap; gap: .2rem 1rem; justify-content: space-between; color: var(--faint) }
section.log { border-top: 1px solid var(--line); margin-top: 1.5rem; padding-top: .5rem }
.verdict { font-size: 1.45rem; line-height: 1.3; margin: .3rem 0 1rem; border-left: .4rem solid var(--warn); padding-left: .8rem }
.verdict.agreed { border-color: var(--rope) } .verdict.split { border-color: var(--bad); color: var(--bad); font-weight: 700 }
.fine, figcaption { color: var(--faint); font-size: .9rem } #live { width: 100%; margin: 0 } #live:empty { display: none } #live.lost { color: var(--bad); font-weight: 600 }
figure { margin: 0 0 1rem; min-width: 0 } .for-narrow { display: none }
@media (max-width: 34rem) { .for-wide { display: none } .for-narrow { display: block } .verdict { font-size: 1.25rem } }
figure svg { display: block; width: 100%; height: auto; background: var(--panel); border: 1px solid var(--line); border-radius: .4rem }
svg.ring { max-width: 38rem }
${DRAWN}
table { border-collapse: collapse; width: 100%; font-size: .9rem } th, td { text-align: left; padding: .25rem .6rem .25rem 0;
  vertical-align: top; border-bottom: 1px solid var(--line) } th { color: var(--faint); font-weight: 600; overflow-wrap: normal }
pre, textarea { background: var(--panel); color: var(--ink); border: 1px solid var(--line); border-radius: .4rem; padding: .6rem;
  white-space: pre-wrap; overflow-wrap: anywhere }
a { color: var(--own) } .failing, .misbehaviour { color: var(--bad) } .doubtful { color: var(--warn) } .notice { color: var(--faint) }
:focus-visible { outline: 3px solid var(--own); outline-offset: 2px }
html:not(.live) .scripted, html.live .unscripted { display: none }
button, input, select, textarea { font: inherit } textarea { width: 100%; display: block }
button { background: var(--panel); color: var(--own); border: 1px solid var(--own); border-radius: .4rem; padding: .3rem .8rem;
  min-height: 2.2rem; cursor: pointer } button[disabled] { color: var(--faint); border-color: var(--line); cursor: default }
.drop > * { min-width: 0; max-width: 100% } label { display: block; margin-top: .6rem }
.drop { border: 2px dashed var(--line); border-radius: .6rem; padding: .6rem 1rem 1rem; display: grid; gap: .3rem; justify-items: start }
.drop.over { border-color: var(--own) } .drop p { margin: 0 }
.shelf { padding: 0; list-style: none } .shelf li { border-left: .25rem solid var(--bad); padding-left: .8rem; margin: 1rem 0 }
.proven { font-weight: 600; margin: 0 } .shelf .fine { margin: .2rem 0 .4rem }
.answer:not(:empty) { background: var(--panel); border: 1px solid var(--line); border-left: .3rem solid var(--warn); border-radius: .4rem;
  padding: .5rem .8rem; margin: .6rem 0; max-width: 100%; overflow-x: auto }
.answer.good:not(:empty) { border-left-color: var(--rope) } .answer.bad:not(:empty) { border-left-color: var(--bad) }
.answer p { margin: .2rem 0 } .answer .said { font-weight: 600 } .answer button { margin: .4rem .4rem .2rem 0 }
footer { margin-top: 2rem; color: var(--faint); font-size: .85rem }
@media (prefers-reduced-motion: no-preference) { .drop, button { transition: border-color .15s } }
@media print { .scripted { display: none } figure, .shelf li { break-inside: avoid } body { max-width: none; padding: 0 } }
`
