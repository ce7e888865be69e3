<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de_DE">
<context>
    <name></name>
    <message>
        <source>QueueView</source>
        <comment>{done} of {total}</comment>
        <translation>QueueView</translation>
    </message>
    <message>
        <source>QueueView</source>
        <comment>{n} failed</comment>
        <translation>QueueView</translation>
    </message>
    <message>
        <source>QueueView</source>
        <comment>paused</comment>
        <translation>QueueView</translation>
    </message>
    <message>
        <source>QueueView</source>
        <comment>{time} left</comment>
        <translation>QueueView</translation>
    </message>
    <message>
        <source>QueueView</source>
        <comment>starting</comment>
        <translation>QueueView</translation>
    </message>
    <message>
        <source>QueueView</source>
        <comment>failed</comment>
        <translation>QueueView</translation>
    </message>
    <message>
        <source>QueueView</source>
        <translation>QueueView</translation>
    </message>
</context>
<context>
    <name>AdjustBar</name>
    <message>
        <source>Gain</source>
        <translation>Pegel</translation>
    </message>
    <message>
        <source>Gain of {role} in decibels</source>
        <translation>Pegel von {role} in Dezibel</translation>
    </message>
    <message>
        <source>Fade in</source>
        <translation>Einblenden</translation>
    </message>
    <message>
        <source>Fade in of {role} in seconds</source>
        <translation>Einblenden von {role} in Sekunden</translation>
    </message>
    <message>
        <source>Out</source>
        <translation>Aus</translation>
    </message>
    <message>
        <source>Fade out of {role} in seconds</source>
        <translation>Ausblenden von {role} in Sekunden</translation>
    </message>
    <message>
        <source>Nudge</source>
        <translation>Versatz</translation>
    </message>
    <message>
        <source>Nudge of {role} in milliseconds, later is positive</source>
        <translation>Versatz von {role} in Millisekunden, später ist positiv</translation>
    </message>
    <message>
        <source>One frame earlier</source>
        <translation>Ein Bild früher</translation>
    </message>
    <message>
        <source>One frame later</source>
        <translation>Ein Bild später</translation>
    </message>
    <message>
        <source>As rendered: no gain, fades or nudge</source>
        <translation>Wie erzeugt: ohne Pegel, Blenden und Versatz</translation>
    </message>
    <message>
        <source>Reset</source>
        <translation>Zurücksetzen</translation>
    </message>
    <message>
        <source>Takes and renders stay as they are; what is delivered is adjusted</source>
        <translation>Takes und Renderings bleiben, wie sie sind; angepasst wird, was ausgeliefert wird</translation>
    </message>
</context>
<context>
    <name>ClipList</name>
    <message>
        <source>Filter by clip or track</source>
        <translation>Nach Clip oder Spur filtern</translation>
    </message>
    <message>
        <source>Filter clips</source>
        <translation>Clips filtern</translation>
    </message>
    <message>
        <source>Number of clips</source>
        <translation>Anzahl der Clips</translation>
    </message>
    <message>
        <source>Relink…</source>
        <translation>Neu verknüpfen…</translation>
    </message>
    <message>
        <source>Find missing media</source>
        <translation>Fehlende Medien suchen</translation>
    </message>
    <message>
        <source>Relink missing media</source>
        <translation>Fehlende Medien neu verknüpfen</translation>
    </message>
    <message>
        <source>Clips</source>
        <translation>Clips</translation>
    </message>
    <message>
        <source>All</source>
        <translation>Alle</translation>
    </message>
    <message>
        <source>Show only clips of this status</source>
        <translation>Nur Clips mit diesem Status zeigen</translation>
    </message>
    <message>
        <source>Filter by status</source>
        <translation>Nach Status filtern</translation>
    </message>
    <message>
        <source>{shown} of {total} clips</source>
        <translation>{shown} von {total} Clips</translation>
    </message>
    <message>
        <source>1 clip</source>
        <translation>1 Clip</translation>
    </message>
    <message>
        <source>{n} clips</source>
        <translation>{n} Clips</translation>
    </message>
</context>
<context>
    <name>ClipModel</name>
    <message>
        <source>#</source>
        <translation>#</translation>
    </message>
    <message>
        <source>Clip</source>
        <translation>Clip</translation>
    </message>
    <message>
        <source>In</source>
        <translation>Ein</translation>
    </message>
    <message>
        <source>Out</source>
        <translation>Aus</translation>
    </message>
    <message>
        <source>Length</source>
        <translation>Länge</translation>
    </message>
    <message>
        <source>Status</source>
        <translation>Status</translation>
    </message>
</context>
<context>
    <name>EmptyState</name>
    <message>
        <source>Sound for a silent cut</source>
        <translation>Ton für einen stummen Schnitt</translation>
    </message>
    <message>
        <source>Drop a cut or a movie here: OpenTimelineIO, Final Cut Pro XML, or a bare movie file.</source>
        <translation>Legen Sie einen Schnitt oder Film hier ab: OpenTimelineIO, Final Cut Pro XML oder eine einzelne Filmdatei.</translation>
    </message>
    <message>
        <source>Open a cut…</source>
        <translation>Schnitt öffnen…</translation>
    </message>
    <message>
        <source>Open a cut</source>
        <translation>Schnitt öffnen</translation>
    </message>
    <message>
        <source>Try the demo cut</source>
        <translation>Demoschnitt ausprobieren</translation>
    </message>
    <message>
        <source>Say what it sounds like</source>
        <translation>Sagen, wie es klingt</translation>
    </message>
    <message>
        <source>A few words per clip and stem, or leave it to the picture.</source>
        <translation>Ein paar Worte je Clip und Stem, oder das Bild entscheiden lassen.</translation>
    </message>
    <message>
        <source>Generate</source>
        <translation>Erzeugen</translation>
    </message>
    <message>
        <source>FX, ambience and more, in sync with the picture, to the frame.</source>
        <translation>Effekte, Atmo und mehr, bildgenau synchron.</translation>
    </message>
    <message>
        <source>Listen and choose</source>
        <translation>Hören und wählen</translation>
    </message>
    <message>
        <source>Compare takes at the same playhead, nudge, fade, star.</source>
        <translation>Takes an derselben Stelle vergleichen, schieben, blenden, merken.</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>Exportieren</translation>
    </message>
    <message>
        <source>Stems and a timeline for Resolve, Premiere or Final Cut.</source>
        <translation>Stems und eine Timeline für Resolve, Premiere oder Final Cut.</translation>
    </message>
    <message>
        <source>Recent</source>
        <translation>Zuletzt geöffnet</translation>
    </message>
    <message>
        <source>Open {name}</source>
        <translation>{name} öffnen</translation>
    </message>
</context>
<context>
    <name>EnginesDialog</name>
    <message>
        <source>Engines</source>
        <translation>Engines</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>Sprache</translation>
    </message>
    <message>
        <source>As the system</source>
        <translation>Wie das System</translation>
    </message>
    <message>
        <source>from the next start on</source>
        <translation>ab dem nächsten Start</translation>
    </message>
    <message>
        <source>&amp;Language</source>
        <translation>&amp;Sprache</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
</context>
<context>
    <name>EnginesPage</name>
    <message>
        <source>Device</source>
        <translation>Gerät</translation>
    </message>
    <message>
        <source>Engines</source>
        <translation>Engines</translation>
    </message>
    <message>
        <source>&amp;Use for all clips</source>
        <translation>Für alle Clips &amp;verwenden</translation>
    </message>
    <message>
        <source>The engine of clips that choose none</source>
        <translation>Die Engine der Clips, die keine wählen</translation>
    </message>
    <message>
        <source>&amp;Install weights from folder…</source>
        <translation>Gewichte aus Ordner &amp;installieren…</translation>
    </message>
    <message>
        <source>A weights folder, or the files that a model&apos;s authors released</source>
        <translation>Ein Gewichte-Ordner oder die Dateien, die die Autoren eines Modells veröffentlicht haben</translation>
    </message>
    <message>
        <source>&amp;Verify weights</source>
        <translation>Gewichte &amp;prüfen</translation>
    </message>
    <message>
        <source>Read every file and compare its hash</source>
        <translation>Jede Datei lesen und ihre Prüfsumme vergleichen</translation>
    </message>
    <message>
        <source>Working</source>
        <translation>In Arbeit</translation>
    </message>
    <message>
        <source>Render &amp;on</source>
        <translation>&amp;Rechnen auf</translation>
    </message>
    <message>
        <source>default</source>
        <translation>Standard</translation>
    </message>
    <message>
        <source>no weights</source>
        <translation>ohne Gewichte</translation>
    </message>
    <message>
        <source>prompt</source>
        <translation>Prompt</translation>
    </message>
    <message>
        <source>negative prompt</source>
        <translation>negativem Prompt</translation>
    </message>
    <message>
        <source>transcript</source>
        <translation>Transkript</translation>
    </message>
    <message>
        <source>event markers</source>
        <translation>Ereignismarken</translation>
    </message>
    <message>
        <source>Stems</source>
        <translation>Stems</translation>
    </message>
    <message>
        <source>Follows</source>
        <translation>Folgt</translation>
    </message>
    <message>
        <source>picture</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>Sound</source>
        <translation>Ton</translation>
    </message>
    <message>
        <source>{rates} kHz, {n} channels</source>
        <translation>{rates} kHz, {n} Kanäle</translation>
    </message>
    <message>
        <source>Runs on</source>
        <translation>Läuft auf</translation>
    </message>
    <message>
        <source>Steps</source>
        <translation>Schritte</translation>
    </message>
    <message>
        <source>{n} by default</source>
        <translation>{n} als Standard</translation>
    </message>
    <message>
        <source>Speed</source>
        <translation>Tempo</translation>
    </message>
    <message>
        <source>about {cost:g} s per second of sound on two CPU cores</source>
        <translation>etwa {cost:g} s je Sekunde Ton auf zwei CPU-Kernen</translation>
    </message>
    <message>
        <source>Weights</source>
        <translation>Gewichte</translation>
    </message>
    <message>
        <source>ship with the program</source>
        <translation>liegen dem Programm bei</translation>
    </message>
    <message>
        <source>Licence</source>
        <translation>Lizenz</translation>
    </message>
    <message>
        <source>It says</source>
        <translation>Sie besagt</translation>
    </message>
    <message>
        <source>Note</source>
        <translation>Hinweis</translation>
    </message>
    <message>
        <source>not installed: the engine cannot render without them</source>
        <translation>nicht installiert: ohne sie kann die Engine nicht rechnen</translation>
    </message>
    <message>
        <source>used</source>
        <translation>verwendet</translation>
    </message>
    <message>
        <source>not used</source>
        <translation>nicht verwendet</translation>
    </message>
    <message>
        <source>Folder</source>
        <translation>Ordner</translation>
    </message>
    <message>
        <source>not stated</source>
        <translation>nicht genannt</translation>
    </message>
    <message>
        <source>Read the authors&apos; terms first.</source>
        <translation>Lesen Sie zuerst die Bedingungen der Autoren.</translation>
    </message>
    <message>
        <source>Asking the machine…</source>
        <translation>Der Rechner wird befragt…</translation>
    </message>
    <message>
        <source>This machine has no such device.</source>
        <translation>Dieser Rechner hat kein solches Gerät.</translation>
    </message>
    <message>
        <source>{total:.1f} GiB of memory</source>
        <translation>{total:.1f} GiB Speicher</translation>
    </message>
    <message>
        <source>, {free:.1f} GiB free</source>
        <translation>, {free:.1f} GiB frei</translation>
    </message>
    <message>
        <source>{engine} does not run on {device}.</source>
        <translation>{engine} läuft nicht auf {device}.</translation>
    </message>
    <message>
        <source>Clips that choose no engine are rendered by {engine}.</source>
        <translation>Clips, die keine Engine wählen, rechnet {engine}.</translation>
    </message>
    <message>
        <source>Folder with the weights</source>
        <translation>Ordner mit den Gewichten</translation>
    </message>
    <message>
        <source>Installing weights from {folder}…</source>
        <translation>Gewichte aus {folder} werden installiert…</translation>
    </message>
    <message>
        <source>Installed {name} in {folder}. Licence: {licence}.</source>
        <translation>{name} ist in {folder} installiert. Lizenz: {licence}.</translation>
    </message>
    <message>
        <source>Reading every file…</source>
        <translation>Jede Datei wird gelesen…</translation>
    </message>
    <message>
        <source>Every file is as it was made.</source>
        <translation>Jede Datei ist unverändert.</translation>
    </message>
</context>
<context>
    <name>ExportDialog</name>
    <message>
        <source>Export</source>
        <translation>Exportieren</translation>
    </message>
    <message>
        <source>Host</source>
        <translation>Ziel</translation>
    </message>
    <message>
        <source>OpenTimelineIO, portable</source>
        <translation>OpenTimelineIO, portabel</translation>
    </message>
    <message>
        <source>OpenTimelineIO bundle (.otioz), media inside</source>
        <translation>OpenTimelineIO-Paket (.otioz) mit Medien</translation>
    </message>
    <message>
        <source>Final Cut Pro 7 XML</source>
        <translation>Final Cut Pro 7 XML</translation>
    </message>
    <message>
        <source>Clip by &amp;clip, takes can be swapped in the host</source>
        <translation>&amp;Clip für Clip, Takes sind im Ziel austauschbar</translation>
    </message>
    <message>
        <source>One full-length &amp;stem per role</source>
        <translation>Ein &amp;Stem in voller Länge je Rolle</translation>
    </message>
    <message>
        <source>Clip by clip</source>
        <translation>Clip für Clip</translation>
    </message>
    <message>
        <source>One full-length stem per role</source>
        <translation>Ein Stem in voller Länge je Rolle</translation>
    </message>
    <message>
        <source>File</source>
        <translation>Datei</translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation>Durchsuchen…</translation>
    </message>
    <message>
        <source>Choose the file</source>
        <translation>Datei wählen</translation>
    </message>
    <message>
        <source>What is lost</source>
        <translation>Was verloren geht</translation>
    </message>
    <message>
        <source>Progress</source>
        <translation>Fortschritt</translation>
    </message>
    <message>
        <source>Show in File &amp;Manager</source>
        <translation>Im Datei&amp;manager zeigen</translation>
    </message>
    <message>
        <source>Copy &amp;Report</source>
        <translation>&amp;Bericht kopieren</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>&amp;Export</source>
        <translation>&amp;Exportieren</translation>
    </message>
    <message>
        <source>&amp;Host</source>
        <translation>&amp;Ziel</translation>
    </message>
    <message>
        <source>Sound</source>
        <translation>Ton</translation>
    </message>
    <message>
        <source>&amp;File</source>
        <translation>&amp;Datei</translation>
    </message>
    <message>
        <source>Export to</source>
        <translation>Exportieren nach</translation>
    </message>
    <message>
        <source>{n} of {total} clips have sound, {stems} stems; files go to {folder}</source>
        <translation>{n} von {total} Clips haben Ton, {stems} Stems; die Dateien kommen nach {folder}</translation>
    </message>
    <message>
        <source>No clip has sound yet: only the cut and its prompts are written.</source>
        <translation>Noch hat kein Clip Ton: nur Schnitt und Prompts werden geschrieben.</translation>
    </message>
    <message>
        <source>Looking at what {host} carries…</source>
        <translation>Es wird geprüft, was {host} aufnimmt…</translation>
    </message>
    <message>
        <source>{host} cannot take this cut; relink what is missing, or choose another host</source>
        <translation>{host} kann diesen Schnitt nicht aufnehmen; verknüpfen Sie, was fehlt, oder wählen Sie ein anderes Ziel</translation>
    </message>
    <message>
        <source>{host} will not carry ({n}):</source>
        <translation>{host} nimmt nicht auf ({n}):</translation>
    </message>
    <message>
        <source>Nothing is lost: {host} carries all of this cut.</source>
        <translation>Nichts geht verloren: {host} nimmt den ganzen Schnitt auf.</translation>
    </message>
    <message>
        <source>… and {n} more; the report has all</source>
        <translation>… und {n} weitere; alle stehen im Bericht</translation>
    </message>
    <message>
        <source>That is the cut itself, which is never changed; choose another file.</source>
        <translation>Das ist der Schnitt selbst, der nie verändert wird; wählen Sie eine andere Datei.</translation>
    </message>
    <message>
        <source>Writing stems…</source>
        <translation>Stems werden geschrieben…</translation>
    </message>
    <message>
        <source>Replace file</source>
        <translation>Datei ersetzen</translation>
    </message>
    <message>
        <source>{name} exists. Replace it?</source>
        <translation>{name} ist schon da. Ersetzen?</translation>
    </message>
    <message>
        <source>Cancelled; no timeline was written.</source>
        <translation>Abgebrochen; es wurde keine Timeline geschrieben.</translation>
    </message>
    <message>
        <source>Wrote {name} with {n} stems.</source>
        <translation>{name} mit {n} Stems geschrieben.</translation>
    </message>
    <message>
        <source>{n} notes are in the report.</source>
        <translation>{n} Hinweise stehen im Bericht.</translation>
    </message>
    <message>
        <source>Done</source>
        <translation>Fertig</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>timeline: {path}</source>
        <translation>Timeline: {path}</translation>
    </message>
    <message>
        <source>stem: {path}</source>
        <translation>Stem: {path}</translation>
    </message>
    <message>
        <source>note: {text}</source>
        <translation>Hinweis: {text}</translation>
    </message>
    <message>
        <source>not carried: {n}</source>
        <translation>nicht aufgenommen: {n}</translation>
    </message>
    <message>
        <source>The report is on the clipboard.</source>
        <translation>Der Bericht liegt in der Zwischenablage.</translation>
    </message>
    <message>
        <source>Cancelling…</source>
        <translation>Wird abgebrochen…</translation>
    </message>
</context>
<context>
    <name>FieldLabel</name>
    <message>
        <source>Reset {field}</source>
        <translation>{field} zurücksetzen</translation>
    </message>
    <message>
        <source>Back to the default</source>
        <translation>Zurück zum Standard</translation>
    </message>
</context>
<context>
    <name>LaneHeader</name>
    <message>
        <source>Solo {role}</source>
        <translation>{role} solo</translation>
    </message>
    <message>
        <source>Mute {role}</source>
        <translation>{role} stumm</translation>
    </message>
    <message>
        <source>Monitor gain; what is delivered does not change</source>
        <translation>Abhörpegel; was ausgeliefert wird, ändert sich nicht</translation>
    </message>
    <message>
        <source>Monitor gain of {role}</source>
        <translation>Abhörpegel von {role}</translation>
    </message>
    <message>
        <source>t{number}</source>
        <translation>t{number}</translation>
    </message>
    <message>
        <source>Take {number}</source>
        <translation>Take {number}</translation>
    </message>
</context>
<context>
    <name>Licence</name>
    <message>
        <source>Commercial work is allowed. Copies of the weights must keep their notices.</source>
        <translation>Kommerzielle Arbeit ist erlaubt. Kopien der Gewichte müssen ihre Hinweise behalten.</translation>
    </message>
    <message>
        <source>Commercial work is allowed. Copies of the weights must keep their notice.</source>
        <translation>Kommerzielle Arbeit ist erlaubt. Kopien der Gewichte müssen ihren Hinweis behalten.</translation>
    </message>
    <message>
        <source>Nothing is forbidden.</source>
        <translation>Nichts ist verboten.</translation>
    </message>
    <message>
        <source>Commercial work is allowed. The authors must be named.</source>
        <translation>Kommerzielle Arbeit ist erlaubt. Die Autoren müssen genannt werden.</translation>
    </message>
    <message>
        <source>Commercial work is allowed. The authors must be named; changed weights keep this licence.</source>
        <translation>Kommerzielle Arbeit ist erlaubt. Die Autoren müssen genannt werden; geänderte Gewichte behalten diese Lizenz.</translation>
    </message>
    <message>
        <source>No commercial work. The authors must be named.</source>
        <translation>Keine kommerzielle Arbeit. Die Autoren müssen genannt werden.</translation>
    </message>
    <message>
        <source>No commercial work. The authors must be named; changed weights keep this licence.</source>
        <translation>Keine kommerzielle Arbeit. Die Autoren müssen genannt werden; geänderte Gewichte behalten diese Lizenz.</translation>
    </message>
    <message>
        <source>No commercial work, and no changed weights. The authors must be named.</source>
        <translation>Keine kommerzielle Arbeit und keine geänderten Gewichte. Die Autoren müssen genannt werden.</translation>
    </message>
    <message>
        <source>Not known to this program: read the licence before you deliver anything made with these weights.</source>
        <translation>Diesem Programm nicht bekannt: Lesen Sie die Lizenz, bevor Sie ausliefern, was mit diesen Gewichten entstand.</translation>
    </message>
    <message>
        <source>There are no weights.</source>
        <translation>Es gibt keine Gewichte.</translation>
    </message>
    <message>
        <source>Commercial work is allowed, but for the uses that the licence lists (harm, deception): read them.</source>
        <translation>Kommerzielle Arbeit ist erlaubt, außer für das, was die Lizenz aufzählt (Schaden, Täuschung): lesen Sie es.</translation>
    </message>
    <message>
        <source>No commercial work.</source>
        <translation>Keine kommerzielle Arbeit.</translation>
    </message>
</context>
<context>
    <name>MessageBar</name>
    <message>
        <source>Message</source>
        <translation>Meldung</translation>
    </message>
    <message>
        <source>Close message</source>
        <translation>Meldung schließen</translation>
    </message>
</context>
<context>
    <name>Panel</name>
    <message>
        <source>Open…</source>
        <translation>Öffnen…</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>Speichern</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>Exportieren…</translation>
    </message>
    <message>
        <source>Relink Media…</source>
        <translation>Medien neu verknüpfen…</translation>
    </message>
    <message>
        <source>Close Cut</source>
        <translation>Schnitt schließen</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>Redo</source>
        <translation>Wiederholen</translation>
    </message>
    <message>
        <source>Generate</source>
        <translation>Erzeugen</translation>
    </message>
    <message>
        <source>Generate All</source>
        <translation>Alle erzeugen</translation>
    </message>
    <message>
        <source>More Takes</source>
        <translation>Weitere Takes</translation>
    </message>
    <message>
        <source>Previous Clip</source>
        <translation>Voriger Clip</translation>
    </message>
    <message>
        <source>Next Clip</source>
        <translation>Nächster Clip</translation>
    </message>
    <message>
        <source>Pause Queue</source>
        <translation>Warteschlange anhalten</translation>
    </message>
    <message>
        <source>Cancel All Renders</source>
        <translation>Alle Renderings abbrechen</translation>
    </message>
    <message>
        <source>Retry Failed</source>
        <translation>Gescheiterte wiederholen</translation>
    </message>
    <message>
        <source>Engines…</source>
        <translation>Engines…</translation>
    </message>
    <message>
        <source>Render the selected clips</source>
        <translation>Die gewählten Clips rechnen</translation>
    </message>
    <message>
        <source>Render every clip that misses a take</source>
        <translation>Jeden Clip rechnen, dem ein Take fehlt</translation>
    </message>
    <message>
        <source>Write stems and a timeline for a host</source>
        <translation>Stems und eine Timeline für ein Ziel schreiben</translation>
    </message>
    <message>
        <source>Open a cut or a movie</source>
        <translation>Schnitt oder Film öffnen</translation>
    </message>
    <message>
        <source>Cuts and movies</source>
        <translation>Schnitte und Filme</translation>
    </message>
    <message>
        <source>All files</source>
        <translation>Alle Dateien</translation>
    </message>
    <message>
        <source>Opening {name}…</source>
        <translation>{name} wird geöffnet…</translation>
    </message>
    <message>
        <source>{n} clips · {rate} fps</source>
        <translation>{n} Clips · {rate} B/s</translation>
    </message>
    <message>
        <source>Restored {n} edits that the last session had not saved.</source>
        <translation>{n} Änderungen der letzten Sitzung, die nicht gespeichert waren, sind wieder da.</translation>
    </message>
    <message>
        <source>Save now</source>
        <translation>Jetzt speichern</translation>
    </message>
    <message>
        <source> (and {n} more notes)</source>
        <translation> (und {n} weitere Hinweise)</translation>
    </message>
    <message>
        <source>Renders are under way</source>
        <translation>Es wird noch gerechnet</translation>
    </message>
    <message>
        <source>Cancel the renders and close the cut? Finished takes are kept.</source>
        <translation>Renderings abbrechen und den Schnitt schließen? Fertige Takes bleiben erhalten.</translation>
    </message>
    <message>
        <source>Saved {name}</source>
        <translation>{name} gespeichert</translation>
    </message>
    <message>
        <source>Nothing to render: every stem that is asked for has its takes.</source>
        <translation>Nichts zu rechnen: jeder verlangte Stem hat seine Takes.</translation>
    </message>
    <message>
        <source>A region is rendered when the queue is empty and the cut is saved.</source>
        <translation>Ein Bereich wird gerechnet, sobald die Warteschlange leer und der Schnitt gespeichert ist.</translation>
    </message>
    <message>
        <source>Rendering {role} of {clip} from {start} to {stop} s anew…</source>
        <translation>{role} von {clip} wird von {start} bis {stop} s neu gerechnet…</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Take {n} of {role} has the new region.</source>
        <translation>Take {n} von {role} hat den neuen Bereich.</translation>
    </message>
    <message>
        <source>Resume Queue</source>
        <translation>Warteschlange fortsetzen</translation>
    </message>
    <message>
        <source>{n} renders failed; the queue says why.</source>
        <translation>{n} Renderings sind gescheitert; die Warteschlange sagt, warum.</translation>
    </message>
    <message>
        <source>Retry failed</source>
        <translation>Gescheiterte wiederholen</translation>
    </message>
</context>
<context>
    <name>PanelParts</name>
    <message>
        <source>Cut</source>
        <translation>Schnitt</translation>
    </message>
    <message>
        <source>Progress</source>
        <translation>Fortschritt</translation>
    </message>
    <message>
        <source>Menu</source>
        <translation>Menü</translation>
    </message>
    <message>
        <source>&amp;File</source>
        <translation>&amp;Datei</translation>
    </message>
    <message>
        <source>&amp;Edit</source>
        <translation>&amp;Bearbeiten</translation>
    </message>
    <message>
        <source>&amp;Clip</source>
        <translation>&amp;Clip</translation>
    </message>
    <message>
        <source>&amp;Queue</source>
        <translation>&amp;Warteschlange</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>&amp;Ansicht</translation>
    </message>
</context>
<context>
    <name>PictureView</name>
    <message>
        <source>Picture</source>
        <translation>Bild</translation>
    </message>
</context>
<context>
    <name>PlayerWidget</name>
    <message>
        <source>Player</source>
        <translation>Player</translation>
    </message>
    <message>
        <source>Choose a clip to look at and listen to</source>
        <translation>Wählen Sie einen Clip zum Sehen und Hören</translation>
    </message>
    <message>
        <source>The media of this clip is missing.
Relink it to see the picture.</source>
        <translation>Die Medien dieses Clips fehlen.
Verknüpfen Sie sie neu, um das Bild zu sehen.</translation>
    </message>
    <message>
        <source>No stems</source>
        <translation>Keine Stems</translation>
    </message>
    <message>
        <source>Timecode</source>
        <translation>Timecode</translation>
    </message>
    <message>
        <source>Play or pause (Space)</source>
        <translation>Wiedergabe oder Pause (Leertaste)</translation>
    </message>
    <message>
        <source>Go to the start (Home)</source>
        <translation>Zum Anfang (Pos1)</translation>
    </message>
    <message>
        <source>One frame back (Left)</source>
        <translation>Ein Bild zurück (Links)</translation>
    </message>
    <message>
        <source>Play backwards, again for faster (J)</source>
        <translation>Rückwärts, nochmals für schneller (J)</translation>
    </message>
    <message>
        <source>One frame forward (Right)</source>
        <translation>Ein Bild vor (Rechts)</translation>
    </message>
    <message>
        <source>Go to the end (End)</source>
        <translation>Zum Ende (Ende)</translation>
    </message>
    <message>
        <source>Loop the region, or the clip (/)</source>
        <translation>Bereich oder Clip als Schleife (/)</translation>
    </message>
    <message>
        <source>Match loudness</source>
        <translation>Lautheit angleichen</translation>
    </message>
    <message>
        <source>Takes are compared at the loudness of the first one heard. Files stay as they are.</source>
        <translation>Takes werden mit der Lautheit des zuerst gehörten verglichen. Die Dateien bleiben, wie sie sind.</translation>
    </message>
    <message>
        <source>Match loudness when comparing takes</source>
        <translation>Lautheit beim Vergleich der Takes angleichen</translation>
    </message>
    <message>
        <source>Waveform of {role}</source>
        <translation>Wellenform von {role}</translation>
    </message>
</context>
<context>
    <name>PromptEditor</name>
    <message>
        <source>Stem</source>
        <translation>Stem</translation>
    </message>
    <message>
        <source>Spot effects: what is seen to happen</source>
        <translation>Effekte: was man geschehen sieht</translation>
    </message>
    <message>
        <source>Ambience: where it happens</source>
        <translation>Atmo: wo es geschieht</translation>
    </message>
    <message>
        <source>Music</source>
        <translation>Musik</translation>
    </message>
    <message>
        <source>Dialogue</source>
        <translation>Dialog</translation>
    </message>
    <message>
        <source>&amp;Make this stem</source>
        <translation>Stem &amp;erzeugen</translation>
    </message>
    <message>
        <source>Make this stem</source>
        <translation>Diesen Stem erzeugen</translation>
    </message>
    <message>
        <source>Presets</source>
        <translation>Vorlagen</translation>
    </message>
    <message>
        <source>History</source>
        <translation>Verlauf</translation>
    </message>
    <message>
        <source>How strictly picture and prompt are followed</source>
        <translation>Wie streng Bild und Prompt befolgt werden</translation>
    </message>
    <message>
        <source>More steps take longer and are more exact</source>
        <translation>Mehr Schritte dauern länger und sind genauer</translation>
    </message>
    <message>
        <source>The same seed makes the same sound</source>
        <translation>Derselbe Seed ergibt denselben Ton</translation>
    </message>
    <message>
        <source>Lock</source>
        <translation>Fest</translation>
    </message>
    <message>
        <source>Lock the seed</source>
        <translation>Seed sperren</translation>
    </message>
    <message>
        <source>Keep this seed: the dice and more takes leave it alone</source>
        <translation>Diesen Seed behalten: Würfel und weitere Takes lassen ihn stehen</translation>
    </message>
    <message>
        <source>Dice</source>
        <translation>Würfel</translation>
    </message>
    <message>
        <source>New random seed</source>
        <translation>Neuer zufälliger Seed</translation>
    </message>
    <message>
        <source>A new random seed for each selected clip</source>
        <translation>Ein neuer zufälliger Seed für jeden gewählten Clip</translation>
    </message>
    <message>
        <source>Generate</source>
        <translation>Erzeugen</translation>
    </message>
    <message>
        <source>Generate the selected clips</source>
        <translation>Die gewählten Clips erzeugen</translation>
    </message>
    <message>
        <source>Render the selected clips (Ctrl+Return in a text)</source>
        <translation>Die gewählten Clips rechnen (Strg+Eingabe in einem Text)</translation>
    </message>
    <message>
        <source>Select clips to say what they sound like.</source>
        <translation>Wählen Sie Clips, um zu sagen, wie sie klingen.</translation>
    </message>
    <message>
        <source>&amp;Sounds like</source>
        <translation>&amp;Klingt nach</translation>
    </message>
    <message>
        <source>But &amp;not</source>
        <translation>Aber &amp;nicht</translation>
    </message>
    <message>
        <source>S&amp;poken words</source>
        <translation>&amp;Gesprochene Worte</translation>
    </message>
    <message>
        <source>&amp;Engine</source>
        <translation>En&amp;gine</translation>
    </message>
    <message>
        <source>S&amp;teps</source>
        <translation>&amp;Schritte</translation>
    </message>
    <message>
        <source>Gui&amp;dance</source>
        <translation>&amp;Führung</translation>
    </message>
    <message>
        <source>Te&amp;xt guidance</source>
        <translation>Te&amp;xtführung</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>Seed</translation>
    </message>
    <message>
        <source>Ta&amp;kes</source>
        <translation>&amp;Takes</translation>
    </message>
    <message>
        <source>{n} clips</source>
        <translation>{n} Clips</translation>
    </message>
    <message>
        <source>Mixed</source>
        <translation>Gemischt</translation>
    </message>
    <message>
        <source>Several texts; typing replaces them all</source>
        <translation>Mehrere Texte; Tippen ersetzt sie alle</translation>
    </message>
    <message>
        <source>Default</source>
        <translation>Standard</translation>
    </message>
    <message>
        <source>Default ({n})</source>
        <translation>Standard ({n})</translation>
    </message>
    <message>
        <source>made</source>
        <translation>wird erzeugt</translation>
    </message>
    <message>
        <source>not made</source>
        <translation>wird nicht erzeugt</translation>
    </message>
    <message>
        <source>Default ({engine})</source>
        <translation>Standard ({engine})</translation>
    </message>
    <message>
        <source>{engine} (not installed)</source>
        <translation>{engine} (nicht installiert)</translation>
    </message>
    <message>
        <source>{engine} makes no {role}.</source>
        <translation>{engine} erzeugt kein {role}.</translation>
    </message>
    <message>
        <source>Engines that do: {names}.</source>
        <translation>Engines, die es tun: {names}.</translation>
    </message>
    <message>
        <source>{engine} does not speak words.</source>
        <translation>{engine} spricht keine Worte.</translation>
    </message>
    <message>
        <source>This engine has one guidance for both</source>
        <translation>Diese Engine hat eine Führung für beides</translation>
    </message>
    <message>
        <source>music, speech</source>
        <translation>Musik, Sprache</translation>
    </message>
    <message>
        <source>What is said</source>
        <translation>Was gesagt wird</translation>
    </message>
    <message>
        <source>From the picture alone. Or: footsteps on gravel, a door</source>
        <translation>Allein aus dem Bild. Oder: footsteps on gravel, a door</translation>
    </message>
    <message>
        <source>From the picture alone. Or: quiet street, distant traffic</source>
        <translation>Allein aus dem Bild. Oder: quiet street, distant traffic</translation>
    </message>
    <message>
        <source>calm underscore, soft pads</source>
        <translation>calm underscore, soft pads</translation>
    </message>
    <message>
        <source>a calm voice, close</source>
        <translation>a calm voice, close</translation>
    </message>
    <message>
        <source>Your presets cannot be read</source>
        <translation>Ihre Vorlagen sind nicht lesbar</translation>
    </message>
    <message>
        <source>Save as Preset…</source>
        <translation>Als Vorlage sichern…</translation>
    </message>
    <message>
        <source>Delete Preset</source>
        <translation>Vorlage löschen</translation>
    </message>
    <message>
        <source>Save as preset</source>
        <translation>Als Vorlage sichern</translation>
    </message>
    <message>
        <source>Name of the preset</source>
        <translation>Name der Vorlage</translation>
    </message>
    <message>
        <source>not: {text}</source>
        <translation>nicht: {text}</translation>
    </message>
    <message>
        <source>Nothing yet: prompts you use appear here</source>
        <translation>Noch nichts: verwendete Prompts erscheinen hier</translation>
    </message>
</context>
<context>
    <name>QueueModel</name>
    <message>
        <source>Clip</source>
        <translation>Clip</translation>
    </message>
    <message>
        <source>Stem</source>
        <translation>Stem</translation>
    </message>
    <message>
        <source>Progress</source>
        <translation>Fortschritt</translation>
    </message>
    <message>
        <source>{clip} {role} with {engine}</source>
        <translation>{clip} {role} mit {engine}</translation>
    </message>
</context>
<context>
    <name>QueueView</name>
    <message>
        <source>Queue</source>
        <translation>Warteschlange</translation>
    </message>
    <message>
        <source>Progress of the queue</source>
        <translation>Fortschritt der Warteschlange</translation>
    </message>
    <message>
        <source>Total progress</source>
        <translation>Gesamtfortschritt</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Anhalten</translation>
    </message>
    <message>
        <source>Finish what renders and begin nothing new</source>
        <translation>Laufendes beenden, nichts Neues beginnen</translation>
    </message>
    <message>
        <source>Cancel all</source>
        <translation>Alle abbrechen</translation>
    </message>
    <message>
        <source>Stop what renders and empty the queue</source>
        <translation>Laufendes anhalten und die Warteschlange leeren</translation>
    </message>
    <message>
        <source>Retry failed</source>
        <translation>Gescheiterte wiederholen</translation>
    </message>
    <message>
        <source>Render again what failed</source>
        <translation>Gescheitertes noch einmal rechnen</translation>
    </message>
    <message>
        <source>Clear</source>
        <translation>Leeren</translation>
    </message>
    <message>
        <source>Take what is over off the list</source>
        <translation>Erledigtes aus der Liste nehmen</translation>
    </message>
    <message>
        <source>Nothing to render. Select clips and press Generate.</source>
        <translation>Nichts zu rechnen. Wählen Sie Clips und drücken Sie Erzeugen.</translation>
    </message>
    <message>
        <source>Queue of renders</source>
        <translation>Warteschlange der Renderings</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Retry</source>
        <translation>Wiederholen</translation>
    </message>
    <message>
        <source>Move up</source>
        <translation>Nach oben</translation>
    </message>
    <message>
        <source>Move down</source>
        <translation>Nach unten</translation>
    </message>
    <message>
        <source>Move to the top</source>
        <translation>Ganz nach oben</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Fortsetzen</translation>
    </message>
    <message>
        <source>{done} of {total}</source>
        <translation>{done} von {total}</translation>
    </message>
    <message>
        <source>{n} failed</source>
        <translation>{n} gescheitert</translation>
    </message>
    <message>
        <source>paused</source>
        <translation>angehalten</translation>
    </message>
    <message>
        <source>{time} left</source>
        <translation>noch {time}</translation>
    </message>
    <message>
        <source>starting</source>
        <translation>beginnt</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>gescheitert</translation>
    </message>
    <message>
        <source>waiting</source>
        <translation>wartet</translation>
    </message>
    <message>
        <source>done</source>
        <translation>fertig</translation>
    </message>
    <message>
        <source>cancelled</source>
        <translation>abgebrochen</translation>
    </message>
</context>
<context>
    <name>RelinkDialog</name>
    <message>
        <source>Relink Media</source>
        <translation>Medien neu verknüpfen</translation>
    </message>
    <message>
        <source>Folder to search</source>
        <translation>Zu durchsuchender Ordner</translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation>Durchsuchen…</translation>
    </message>
    <message>
        <source>&amp;Search</source>
        <translation>&amp;Suchen</translation>
    </message>
    <message>
        <source>Missing media and candidates</source>
        <translation>Fehlende Medien und Kandidaten</translation>
    </message>
    <message>
        <source>File</source>
        <translation>Datei</translation>
    </message>
    <message>
        <source>Clips</source>
        <translation>Clips</translation>
    </message>
    <message>
        <source>Found</source>
        <translation>Gefunden</translation>
    </message>
    <message>
        <source>&amp;Locate File…</source>
        <translation>Datei &amp;angeben…</translation>
    </message>
    <message>
        <source>Choose the file for the selected line yourself</source>
        <translation>Die Datei für die gewählte Zeile selbst wählen</translation>
    </message>
    <message>
        <source>Searching</source>
        <translation>Es wird gesucht</translation>
    </message>
    <message>
        <source>Copy &amp;Report</source>
        <translation>&amp;Bericht kopieren</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>&amp;Relink</source>
        <translation>&amp;Verknüpfen</translation>
    </message>
    <message>
        <source>Search &amp;below</source>
        <translation>Suchen &amp;unter</translation>
    </message>
    <message>
        <source>{n} candidates: choose one</source>
        <translation>{n} Kandidaten: bitte wählen</translation>
    </message>
    <message>
        <source>one candidate: choose it, or not</source>
        <translation>ein Kandidat: wählen, oder nicht</translation>
    </message>
    <message>
        <source>missing</source>
        <translation>fehlt</translation>
    </message>
    <message>
        <source>chosen</source>
        <translation>gewählt</translation>
    </message>
    <message>
        <source>All media of this cut are there.</source>
        <translation>Alle Medien dieses Schnitts sind da.</translation>
    </message>
    <message>
        <source>{n} files are missing, {found} of them found. The cut itself is never changed.</source>
        <translation>{n} Dateien fehlen, {found} davon gefunden. Der Schnitt selbst wird nie verändert.</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>{n} files looked at…</source>
        <translation>{n} Dateien angesehen…</translation>
    </message>
    <message>
        <source>Locate {name}</source>
        <translation>{name} angeben</translation>
    </message>
    <message>
        <source>The report is on the clipboard.</source>
        <translation>Der Bericht liegt in der Zwischenablage.</translation>
    </message>
</context>
<context>
    <name>Ruler</name>
    <message>
        <source>Timecode ruler</source>
        <translation>Timecode-Lineal</translation>
    </message>
</context>
<context>
    <name>SoundStrip</name>
    <message>
        <source>No take yet</source>
        <translation>Noch kein Take</translation>
    </message>
    <message>
        <source>The sound file cannot be read</source>
        <translation>Die Tondatei ist nicht lesbar</translation>
    </message>
    <message>
        <source>Reading…</source>
        <translation>Wird gelesen…</translation>
    </message>
</context>
<context>
    <name>SpectrogramView</name>
    <message>
        <source>Spectrogram</source>
        <translation>Spektrogramm</translation>
    </message>
</context>
<context>
    <name>SpectrumHeader</name>
    <message>
        <source>Spectrum</source>
        <translation>Spektrum</translation>
    </message>
    <message>
        <source>Stem whose spectrum is shown</source>
        <translation>Stem, dessen Spektrum gezeigt wird</translation>
    </message>
</context>
<context>
    <name>Status</name>
    <message>
        <source>New</source>
        <translation>Neu</translation>
    </message>
    <message>
        <source>Missing</source>
        <translation>Fehlt</translation>
    </message>
    <message>
        <source>Queued</source>
        <translation>Wartet</translation>
    </message>
    <message>
        <source>Rendering</source>
        <translation>Rechnet</translation>
    </message>
    <message>
        <source>Done</source>
        <translation>Fertig</translation>
    </message>
    <message>
        <source>Failed</source>
        <translation>Gescheitert</translation>
    </message>
    <message>
        <source>Changed</source>
        <translation>Geändert</translation>
    </message>
</context>
<context>
    <name>TakeStrip</name>
    <message>
        <source>Sync: how much later its onsets come than the picture&apos;s</source>
        <translation>Synchronität: wie viel später die Einsätze kommen als im Bild</translation>
    </message>
    <message>
        <source>Integrated loudness in LUFS (BS.1770)</source>
        <translation>Integrierte Lautheit in LUFS (BS.1770)</translation>
    </message>
    <message>
        <source>From the picture alone</source>
        <translation>Allein aus dem Bild</translation>
    </message>
    <message>
        <source>Use take {n} of {role} (Enter)</source>
        <translation>Take {n} von {role} verwenden (Eingabe)</translation>
    </message>
    <message>
        <source>Take the star off take {n} of {role} (*)</source>
        <translation>Stern von Take {n} von {role} nehmen (*)</translation>
    </message>
    <message>
        <source>Star take {n} of {role} (*)</source>
        <translation>Take {n} von {role} mit Stern merken (*)</translation>
    </message>
    <message>
        <source>Listen to take {n} of {role} in place (A)</source>
        <translation>Take {n} von {role} an Ort und Stelle hören (A)</translation>
    </message>
    <message>
        <source>Drop take {n} of {role} (Delete)</source>
        <translation>Take {n} von {role} verwerfen (Entf)</translation>
    </message>
    <message>
        <source>Waveform of take {n} of {role}</source>
        <translation>Wellenform von Take {n} von {role}</translation>
    </message>
    <message>
        <source>, in use</source>
        <translation>, in Verwendung</translation>
    </message>
    <message>
        <source>Seed {seed}, {engine}</source>
        <translation>Seed {seed}, {engine}</translation>
    </message>
    <message>
        <source>Sync is measured of effects only</source>
        <translation>Synchronität wird nur bei Effekten gemessen</translation>
    </message>
    <message>
        <source>Sync: {sync}; its onsets agree with what is seen to {score} %</source>
        <translation>Synchronität: {sync}; die Einsätze stimmen zu {score} % mit dem überein, was man sieht</translation>
    </message>
    <message>
        <source>Use This Take</source>
        <translation>Diesen Take verwenden</translation>
    </message>
    <message>
        <source>Listen in Place</source>
        <translation>An Ort und Stelle hören</translation>
    </message>
    <message>
        <source>Remove Star</source>
        <translation>Stern entfernen</translation>
    </message>
    <message>
        <source>Star</source>
        <translation>Mit Stern merken</translation>
    </message>
    <message>
        <source>Render Region Anew</source>
        <translation>Bereich neu rechnen</translation>
    </message>
    <message>
        <source>Drop</source>
        <translation>Verwerfen</translation>
    </message>
</context>
<context>
    <name>TakesView</name>
    <message>
        <source>Takes</source>
        <translation>Takes</translation>
    </message>
    <message>
        <source>Sync</source>
        <translation>Synchr.</translation>
    </message>
    <message>
        <source>LUFS</source>
        <translation>LUFS</translation>
    </message>
    <message>
        <source>No takes yet.
Generate this clip to hear it.</source>
        <translation>Noch keine Takes.
Erzeugen Sie diesen Clip, um ihn zu hören.</translation>
    </message>
    <message>
        <source>{n} takes</source>
        <translation>{n} Takes</translation>
    </message>
    <message>
        <source>1 take</source>
        <translation>1 Take</translation>
    </message>
    <message>
        <source>Mark a region first: drag with Shift, or I and O</source>
        <translation>Erst einen Bereich markieren: mit Umschalt ziehen, oder I und O</translation>
    </message>
    <message>
        <source>Render {start} to {stop} anew, the rest stays (R)</source>
        <translation>{start} bis {stop} neu rechnen, der Rest bleibt (R)</translation>
    </message>
</context>
<context>
    <name>Undo</name>
    <message>
        <source>edit {role} prompt of {clip}</source>
        <translation>{role}-Prompt von {clip} ändern</translation>
    </message>
    <message>
        <source>edit {role} prompts of {n} clips</source>
        <translation>{role}-Prompts von {n} Clips ändern</translation>
    </message>
    <message>
        <source>choose {role} take of {clip}</source>
        <translation>{role}-Take von {clip} wählen</translation>
    </message>
    <message>
        <source>drop {role} take of {clip}</source>
        <translation>{role}-Take von {clip} verwerfen</translation>
    </message>
    <message>
        <source>star {role} take of {clip}</source>
        <translation>{role}-Take von {clip} merken</translation>
    </message>
    <message>
        <source>unstar {role} take of {clip}</source>
        <translation>{role}-Take von {clip} nicht mehr merken</translation>
    </message>
    <message>
        <source>adjust {role} of {clip}</source>
        <translation>{role} von {clip} anpassen</translation>
    </message>
</context>
<context>
    <name>WaveformView</name>
    <message>
        <source>Waveform</source>
        <translation>Wellenform</translation>
    </message>
</context>
<context>
    <name>Window</name>
    <message>
        <source>otio-v2a panel</source>
        <translation>otio-v2a-Panel</translation>
    </message>
    <message>
        <source>Open Recent</source>
        <translation>Zuletzt geöffnet</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Beenden</translation>
    </message>
    <message>
        <source>Full Screen</source>
        <translation>Vollbild</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>&amp;Hilfe</translation>
    </message>
    <message>
        <source>Keyboard Shortcuts</source>
        <translation>Tastenkürzel</translation>
    </message>
    <message>
        <source>About otio-v2a</source>
        <translation>Über otio-v2a</translation>
    </message>
    <message>
        <source>Play, pause</source>
        <translation>Wiedergabe, Pause</translation>
    </message>
    <message>
        <source>Shuttle back, stop, forward</source>
        <translation>Zurück, Halt, vor</translation>
    </message>
    <message>
        <source>Step a frame</source>
        <translation>Ein Bild weiter</translation>
    </message>
    <message>
        <source>Mark in, out</source>
        <translation>Ein, Aus markieren</translation>
    </message>
    <message>
        <source>Loop</source>
        <translation>Schleife</translation>
    </message>
    <message>
        <source>Filter clips</source>
        <translation>Clips filtern</translation>
    </message>
    <message>
        <source>otio-v2a {version}
Sound for silent picture, inside the timeline.
Apache-2.0</source>
        <translation>otio-v2a {version}
Ton für stumme Bilder, in der Timeline.
Apache-2.0</translation>
    </message>
</context>
<context>
    <name>_Group</name>
    <message>
        <source>More</source>
        <translation>Mehr</translation>
    </message>
    <message>
        <source>Generate more takes of {role}</source>
        <translation>Weitere Takes von {role} erzeugen</translation>
    </message>
    <message>
        <source>Redo Region</source>
        <translation>Bereich neu</translation>
    </message>
    <message>
        <source>Render the marked region of the {role} take in use anew</source>
        <translation>Den markierten Bereich des verwendeten {role}-Takes neu rechnen</translation>
    </message>
</context>
</TS>
