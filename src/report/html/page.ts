import { html, Markup, type MarkupValue } from './markup.js';

/**
 * The colours were chosen so that the curves can be told apart by people who see fewer colours, and against both backgrounds
 * (Okabe and Ito, "Color Universal Design", 2008, darkened or lightened for contrast).
 */
const style = new Markup(`
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1b1b; --quiet: #5c5c5c; --line: #d8d8d8; --panel: #f6f6f4;
  --c0: #0067a5; --c1: #c44f00; --c2: #6b6b6b; --c3: #007a55; --cut: #b9a2c9; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ground: #16181a; --ink: #e9e9e7; --quiet: #a3a6a8; --line: #383c40; --panel: #1f2225;
  --c0: #5db7f0; --c1: #f0974a; --c2: #b5b5b5; --c3: #43c79a; --cut: #6b567c; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0.2rem 0 0.6rem; } h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; }
p { margin: 0.4rem 0; } .quiet { color: var(--quiet); font-size: 0.9rem; } .bad { color: var(--bad); }
dl.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 0.5rem; margin: 0.8rem 0; }
dl.facts div { background: var(--panel); border-radius: 0.4rem; padding: 0.4rem 0.6rem; }
dl.facts dt { color: var(--quiet); font-size: 0.8rem; } dl.facts dd { margin: 0; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { text-align: left; padding: 0.2rem 0.7rem 0.2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.wrap { overflow-wrap: anywhere; min-width: 12rem; }
thead th { color: var(--quiet); font-weight: 600; }
details { margin: 0.4rem 0; } summary { cursor: pointer; color: var(--quiet); font-size: 0.9rem; }
figure { margin: 1rem 0; break-inside: avoid; } figcaption { font-weight: 600; margin-bottom: 0.2rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; font-size: 0.85rem; font-weight: 400; }
.legend i { display: inline-block; width: 1.4rem; margin-right: 0.4rem; vertical-align: middle; border-width: 3px 0 0; border-style: solid; }
.plot { position: relative; height: 12rem; margin: 0.3rem 0 0 3.4rem; border-bottom: 1px solid var(--quiet); }
.plot svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.plot span { position: absolute; right: calc(100% + 0.4rem); transform: translateY(50%); white-space: nowrap; font-size: 0.75rem; color: var(--quiet); }
.times { display: flex; justify-content: space-between; margin-left: 3.4rem; font-size: 0.75rem; color: var(--quiet); }
path { fill: none; stroke-width: 1.5px; stroke-linecap: round; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
path.grid { stroke: var(--line); stroke-width: 1px; } path.cuts { stroke: var(--cut); stroke-width: 1px; }
path.worst { stroke: var(--bad); stroke-width: 3px; }
.c0 { stroke: var(--c0); border-color: var(--c0); } .c1 { stroke: var(--c1); border-color: var(--c1); }
.c2 { stroke: var(--c2); border-color: var(--c2); } .c3 { stroke: var(--c3); border-color: var(--c3); }
.frames { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 0.8rem; padding: 0; list-style: none; }
.frames li { background: var(--panel); border-radius: 0.4rem; padding: 0.6rem; break-inside: avoid; }
.pair { display: flex; gap: 0.4rem; } .pair div { flex: 1; min-width: 0; font-size: 0.75rem; color: var(--quiet); }
.pair img { display: block; width: 100%; height: auto; border-radius: 0.25rem; }
@media (max-width: 32rem) { body { padding: 0.7rem; } .plot { height: 9rem; margin-left: 2.6rem; } .times { margin-left: 2.6rem; } }
@media print { :root { --ground: #fff; --ink: #000; --quiet: #444; --line: #ccc; --panel: #fff; --c0: #0067a5; --c1: #c44f00;
  --c2: #6b6b6b; --c3: #007a55; --cut: #b9a2c9; --bad: #b3261e; } body { max-width: none; padding: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`);

/**
 * A whole page in one file. It holds no script, and its policy lets it load nothing but pictures that stand in it, whatever gets
 * into its text.
 */
export const htmlPage = (title: string, body: MarkupValue): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
${body}
</body>
</html>
`.toString();
