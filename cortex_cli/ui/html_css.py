"""How a report looks: one style sheet, for light and dark, from a phone's width up.

No style stands in an element, so the page can forbid all styles but this one.
"""

CSS = """
:root{color-scheme:light dark;
--bg:#f6f7f9;--card:#fff;--ink:#17202b;--quiet:#5a6672;--line:#e2e6eb;--soft:#eef1f4;
--ok:#1f7a54;--okbar:#3f8f8a;--bad:#c2332b;--warn:#9a6300;--stop:#7a4bb0;--idle:#8793a0;
--hot:#e07a00;--link:#0b62b8;--shadow:0 1px 2px rgb(23 32 43/.06),0 1px 8px rgb(23 32 43/.04)}
@media (prefers-color-scheme:dark){:root{
--bg:#0f1419;--card:#171e26;--ink:#e4e9ee;--quiet:#97a4b1;--line:#28323d;--soft:#1f2832;
--ok:#5cc795;--okbar:#4fa8a2;--bad:#f07a70;--warn:#e0ab4e;--stop:#b794e6;--idle:#77848f;
--hot:#f5a445;--link:#6cb2f5;--shadow:none}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);line-height:1.5;overflow-wrap:anywhere;
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px 48px}
code,pre,.mono{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;font-size:.9em}
h1{font-size:1.7rem;line-height:1.2;margin:0;letter-spacing:-.01em}
h2{font-size:1.05rem;margin:0 0 12px}
h2 small{font-weight:400;color:var(--quiet);font-size:.85rem;margin-left:8px}
h3{font-size:.8rem;font-weight:600;color:var(--quiet);margin:14px 0 4px}
header .top{display:flex;flex-wrap:wrap;align-items:center;gap:8px 14px}
.facts{margin:8px 0 0;color:var(--quiet);font-size:.9rem;display:flex;flex-wrap:wrap;gap:2px 18px}
.facts b{font-weight:400;color:var(--ink)}
.pill{display:inline-flex;align-items:center;gap:7px;padding:3px 11px;border-radius:99px;
font-size:.85rem;font-weight:600;background:var(--soft)}
.pill::before{content:"";width:8px;height:8px;border-radius:50%;background:currentColor}
.completed{color:var(--ok)}.failed{color:var(--bad)}.cancelled,.interrupted{color:var(--stop)}
.skipped,.pending,.waiting_for_dependencies{color:var(--idle)}.queued,.paused{color:var(--warn)}.running{color:var(--link)}
section,.cards>div{background:var(--card);border:1px solid var(--line);border-radius:12px;box-shadow:var(--shadow)}
section{padding:18px 20px;margin-top:16px;min-width:0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-top:20px}
.cards>div{padding:12px 16px 13px;min-width:0}
.cards dt{font-size:.8rem;color:var(--quiet)}
.cards dd{margin:0;font-size:1.45rem;font-weight:600;letter-spacing:-.01em;line-height:1.3}
.cards p{margin:1px 0 0;font-size:.82rem;color:var(--quiet);line-height:1.4}
.share{display:block;width:100%;height:6px;margin-top:7px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:0 16px}
.pair>:only-child{grid-column:1/-1}
.trouble{border-left:4px solid var(--bad)}
.go{margin:14px 0 0;padding:9px 14px;background:var(--soft);border-radius:8px;font-size:.9rem}
pre{margin:0;padding:11px 13px;background:var(--soft);border-radius:8px;white-space:pre-wrap;
overflow-wrap:anywhere;max-height:26rem;overflow:auto;line-height:1.45;font-size:.82rem;tab-size:4}
.cut{margin:3px 0 0;font-size:.8rem;color:var(--warn)}
.note{margin:10px 0 0;font-size:.85rem;color:var(--quiet)}
details>summary{cursor:pointer;list-style:none}
details>summary::-webkit-details-marker{display:none}
summary:focus-visible{outline:2px solid var(--link);outline-offset:1px;border-radius:4px}
.fold>summary::before,.row>summary .name::before{content:"";display:inline-block;flex:none;
width:5px;height:5px;margin:0 9px 2px 1px;border:solid var(--idle);border-width:0 1.5px 1.5px 0;
transform:rotate(-45deg)}
.fold[open]>summary::before,.row[open]>summary .name::before{transform:rotate(45deg)}
.fold{margin-top:8px}.fold>summary{padding:3px 0;font-weight:600;font-size:.92rem}
.fold>summary small{font-weight:400;color:var(--quiet)}
.row>summary,.axis{display:grid;grid-template-columns:minmax(0,250px) minmax(0,1fr) 70px;
gap:0 14px;align-items:center;padding:2.5px 6px;border-radius:6px;font-size:.88rem}
.row>summary:hover{background:var(--soft)}
.row[open]{background:var(--soft);border-radius:8px;margin:3px 0}
.row .name{display:flex;align-items:center;min-width:0}
.row .name i{flex:none;width:15px;text-align:center;font-style:normal;font-weight:700;margin-right:7px}
.row .name span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.row{color:var(--ink)}.row.skipped .name span{color:var(--quiet)}.row.failed .name span{color:var(--bad)}
.row.hot .name span{font-weight:650}
.row .took{text-align:right;font-variant-numeric:tabular-nums;color:var(--quiet);font-size:.82rem}
.row .more{padding:4px 14px 14px 22px}
.row .more p{margin:0 0 2px;font-size:.88rem}
.row .more pre{background:var(--card);border:1px solid var(--line)}
.d1{padding-left:18px}.d2{padding-left:36px}.d3{padding-left:54px}.d4{padding-left:72px}
svg.bar,.axis svg{display:block;width:100%;height:20px;overflow:visible}
.axis{color:var(--quiet);padding-bottom:4px;border-bottom:1px solid var(--line);margin-bottom:4px}
.axis svg{height:15px}.axis text{font-size:11px;fill:var(--quiet)}
.grid{stroke:var(--line);stroke-width:1}
.run{fill:var(--okbar)}.hot .run{fill:var(--hot)}.run.failed,.bad{fill:var(--bad)}.run.cancelled{fill:var(--stop)}
.run.running{fill:var(--link)}.run.cached{fill:var(--ok);opacity:.55}
.wait{fill:var(--idle);opacity:.75}.wait.retry{fill:var(--warn)}.wait.approval{fill:var(--link)}
.wait.pool,.wait.rate,.wait.budget{fill:var(--stop)}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;margin:10px 0 0;font-size:.8rem;color:var(--quiet)}
.legend svg,.legend svg.graph{display:inline;margin:0;width:22px;height:10px;margin-right:6px;vertical-align:-1px}
ol.path{list-style:none;margin:0;padding:0}
.path li{position:relative;padding:0 0 11px 20px;font-size:.9rem}
.path li::before{content:"";position:absolute;left:2px;top:7px;width:9px;height:9px;border-radius:50%;background:var(--hot)}
.path li::after{content:"";position:absolute;left:6px;top:18px;bottom:-6px;width:1.5px;background:var(--line)}
.path li:last-child::after{display:none}.path li:last-child{padding-bottom:0}
.path .gap::before{background:var(--card);border:1.5px solid var(--idle)}
.path b{font-weight:600}.path em{font-style:normal;float:right;margin-left:10px;font-variant-numeric:tabular-nums}
.path p{margin:0;color:var(--quiet);font-size:.83rem}
table+table{margin-top:12px}
table{border-collapse:collapse;width:100%;font-size:.87rem}
th{font-weight:400;color:var(--quiet);text-align:left;font-size:.8rem;padding:0 10px 5px 0;white-space:nowrap}
td{padding:5px 10px 5px 0;border-top:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td:last-child,th:last-child{padding-right:0}
td small{color:var(--quiet)}
.scroll{overflow-x:auto;margin:0 -20px;padding:0 20px}
svg.graph{display:block;margin:0 auto;max-width:100%;height:auto}
.m300{min-width:300px}.m350{min-width:350px}.m425{min-width:425px}.m500{min-width:500px}
.m600{min-width:600px}.m700{min-width:700px}.m850{min-width:850px}.m1000{min-width:1000px}
.m1200{min-width:1200px}.m1400{min-width:1400px}.m1700{min-width:1700px}.m2000{min-width:2000px}
.graph text{font:12px ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;fill:var(--ink);text-anchor:middle}
.graph .sub{font-size:10.5px;fill:var(--quiet)}
.graph rect{fill:var(--card);stroke:var(--okbar);stroke-width:1.5}
.graph .failed rect{stroke:var(--bad);stroke-width:2}.graph .cancelled rect{stroke:var(--stop)}
.graph .skipped rect,.graph .pending rect,.graph .waiting_for_dependencies rect{stroke:var(--idle);stroke-dasharray:4 3}
.graph .queued rect{stroke:var(--warn)}.graph .running rect{stroke:var(--link)}
.graph .hot rect{stroke:var(--hot);stroke-width:2.5}
.graph .bar{fill:none;stroke:var(--idle);stroke-width:1.3}
.graph .edge{fill:none;stroke:var(--idle);stroke-width:1.3}.graph .data{stroke-dasharray:5 3}.graph .barrier{stroke-dasharray:1.5 3}
.graph .head{fill:var(--idle)}.graph .edge.hot{stroke:var(--hot);stroke-width:2.2}.graph .head.hot{fill:var(--hot)}
.wave{display:flex;flex-wrap:wrap;gap:5px;margin:0 0 10px}
.wave b{width:100%;font-size:.8rem;font-weight:400;color:var(--quiet)}
.wave span{padding:1px 8px;border:1px solid currentColor;border-radius:6px;font-size:.8rem}
.filter{display:flex;flex-wrap:wrap;gap:6px 14px;align-items:center;margin:0 0 12px;font-size:.85rem;color:var(--quiet)}
.filter[hidden]{display:none}
.filter input[type=search]{flex:1 1 160px;min-width:0;max-width:320px;padding:6px 11px;font:inherit;color:inherit;
color:var(--ink);background:var(--soft);border:1px solid var(--line);border-radius:8px}
.filter label{white-space:nowrap}
footer{margin-top:22px;color:var(--quiet);font-size:.8rem;text-align:center}
@media (max-width:720px){
main{padding:20px 12px 36px}section{padding:15px 14px}.scroll{margin:0 -14px;padding:0 14px}
.pair{grid-template-columns:1fr}h1{font-size:1.4rem}
.cards{grid-template-columns:repeat(auto-fit,minmax(132px,1fr));gap:8px}.cards>div{padding:10px 12px}
.cards dd{font-size:1.2rem}
.row>summary{grid-template-columns:minmax(0,1fr) auto;padding:4px 4px}
.row>summary .bar{grid-column:1/-1;grid-row:2;height:13px}
.axis{grid-template-columns:1fr;padding:0 4px 4px;position:static}.axis span{display:none}
.row .more{padding:4px 8px 12px}}
@media print{body{background:none}section,.cards>div{box-shadow:none;break-inside:avoid}.filter{display:none}}
"""

SCRIPT = """
(function(){var f=document.querySelector('.filter');if(!f)return;f.hidden=false;
var q=f.querySelector('input[type=search]'),t=f.querySelector('input[type=checkbox]'),
n=f.querySelector('output'),r=[].slice.call(document.querySelectorAll('.row'));
function show(){var w=q.value.toLowerCase(),c=0;r.forEach(function(e){
var ok=e.getAttribute('data-is').toLowerCase().indexOf(w)>=0&&
(!t.checked||!e.classList.contains('completed'));e.hidden=!ok;c+=ok});
n.textContent=c===r.length?'':c+' of '+r.length}
q.addEventListener('input',show);t.addEventListener('change',show)})();
"""
