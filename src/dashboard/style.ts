/** How the page looks: light and dark as the reader's system says, readable at 360 pixels. Pure. */

export const STYLE = `
:root { color-scheme: light dark; --ground: #fbfaf7; --ink: #1d2326; --faint: #6a7378; --line: #d9d6cd; --rope: #2f6f4f;
  --own: #1f5f9e; --warn: #8a5a00; --bad: #b3261e; --panel: #ffffff }
@media (prefers-color-scheme: dark) { :root { --ground: #14181a; --ink: #e6e9ea; --faint: #98a2a7; --line: #333b40;
  --rope: #79c79b; --own: #7fb4ea; --warn: #e2b04c; --bad: #ff8a80; --panel: #1b2124 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1rem; font-weight: 600; margin: 0 }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
h3 { font-size: .95rem; margin: 1.2rem 0 .3rem; color: var(--faint); font-weight: 600 }
.verdict { font-size: 1.45rem; line-height: 1.3; margin: .3rem 0 1rem; border-left: .4rem solid var(--warn); padding-left: .8rem }
.verdict.agreed { border-color: var(--rope) } .verdict.split { border-color: var(--bad); color: var(--bad); font-weight: 700 }
header { display: flex; flex-wrap: wrap; gap: .2rem 1rem; justify-content: space-between; color: var(--faint) }
section.log { border-top: 1px solid var(--line); margin-top: 1.5rem; padding-top: .5rem }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem }
.pictures > * { min-width: 0; margin: 0 } .wide { grid-column: 1 / -1 }
svg { width: 100%; height: auto; background: var(--panel); border: 1px solid var(--line); border-radius: .4rem }
svg.ring { max-width: 38rem }
svg text { fill: var(--ink); font-size: 12px; font-family: inherit } svg text.axis { fill: var(--faint) }
svg line.axis, svg .orbit { stroke: var(--line); fill: none }
.strand path { fill: none; stroke: var(--rope); stroke-width: 3; stroke-linecap: round } .strand.own path { stroke: var(--own) }
.strand.loose path { stroke-dasharray: 5 5; opacity: .7 } .strand .mark { fill: none; stroke: currentColor; stroke-width: 2 }
.strand.strayed .leaving, .strand.strayed .mark { stroke: var(--bad) } .label.strayed { fill: var(--bad) } .label.loose { fill: var(--faint) }
.member .mark { fill: var(--rope); stroke: var(--rope); stroke-width: 2 } .member.own .mark { fill: var(--own); stroke: var(--own) }
.member.late .mark circle { fill: none } .member.silent .mark { fill: none; stroke: var(--faint) }
.member.convicted .mark { stroke: var(--bad); fill: none; stroke-width: 3 }
.mountain .outline { fill: none; stroke: var(--faint) } .mountain .read { fill: var(--rope); opacity: .75 } .mountain text { fill: var(--faint) }
table { border-collapse: collapse; width: 100%; font-size: .9rem } th, td { text-align: left; padding: .25rem .6rem .25rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere } th { color: var(--faint); font-weight: 600 }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere }
a { color: var(--own) } .failing, .misbehaviour { color: var(--bad) } .doubtful { color: var(--warn) } .notice { color: var(--faint) }
:focus-visible { outline: 3px solid var(--own); outline-offset: 2px }
footer { margin-top: 2rem; color: var(--faint); font-size: .85rem }
`
