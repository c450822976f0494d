#!/bin/sh
# A desktop on the display that is there. Its settings stand before the system's and behind the person's own, in a directory of
# the session; nothing is written into the home but what the desktop itself writes there.
set -u
cd || exit 1

settings=$ARMCHAIR_DIR/desktop
defaults=$settings/xfce4/xfconf/xfce-perchannel-xml
mkdir -p "$settings/autostart" "$defaults" || exit 1
system=${XDG_CONFIG_DIRS:-/etc/xdg}
export XDG_CONFIG_DIRS="$settings:$system"
export ICEAUTHORITY="$ARMCHAIR_DIR/ICEauthority"
# the bus of assistive programs, which a remote screen has no use for; without this, each program waits for it
export NO_AT_BRIDGE=1

# What is started for somebody who sits before the machine: locks, power, networks, printers, updates, questions.
hide_autostart() {
    echo "$1" | tr ':' '\n' | while read -r directory; do
        find "$directory/autostart" -name '*.desktop' 2>/dev/null
    done | while read -r file; do
        name=${file##*/}
        case $name in
        *lock* | *saver* | *power* | *polkit* | nm-applet* | blueman* | print-applet* | *update* | *geoclue* | tracker* | \
            *at-spi* | *xiccd* | gnome-software* | *keyring* | *welcome* | *first* | light-*)
            printf '[Desktop Entry]\nType=Application\nName=%s\nHidden=true\n' "$name" >"$settings/autostart/$name"
            ;;
        esac
    done
}

# A person's own settings go before these. No shadows and pictures: they are bytes on the way to the browser.
write_xfce_defaults() {
    cat >"$defaults/xfce4-session.xml" <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-session" version="1.0">
  <property name="general" type="empty">
    <property name="SaveOnExit" type="bool" value="false"/>
    <property name="LockCommand" type="string" value="true"/>
  </property>
  <property name="shutdown" type="empty">
    <property name="LockScreen" type="bool" value="false"/>
    <property name="ShowSuspend" type="bool" value="false"/>
    <property name="ShowHibernate" type="bool" value="false"/>
    <property name="ShowHybridSleep" type="bool" value="false"/>
    <property name="ShowSwitchUser" type="bool" value="false"/>
  </property>
  <property name="startup" type="empty">
    <property name="ssh-agent" type="empty"><property name="enabled" type="bool" value="false"/></property>
    <property name="gpg-agent" type="empty"><property name="enabled" type="bool" value="false"/></property>
  </property>
</channel>
XML
    cat >"$defaults/xfwm4.xml" <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfwm4" version="1.0">
  <property name="general" type="empty">
    <property name="use_compositing" type="bool" value="false"/>
    <property name="box_move" type="bool" value="false"/>
    <property name="workspace_count" type="int" value="1"/>
  </property>
</channel>
XML
    {
        echo '<?xml version="1.0" encoding="UTF-8"?>'
        echo '<channel name="xfce4-desktop" version="1.0">'
        echo '<property name="backdrop" type="empty"><property name="screen0" type="empty">'
        for monitor in VNC-0 screen; do
            cat <<XML
<property name="monitor$monitor" type="empty"><property name="workspace0" type="empty">
  <property name="image-style" type="int" value="0"/>
  <property name="color-style" type="int" value="0"/>
  <property name="rgba1" type="array">
    <value type="double" value="0.17"/><value type="double" value="0.24"/>
    <value type="double" value="0.31"/><value type="double" value="1"/>
  </property>
</property></property>
XML
        done
        echo '</property></property></channel>'
    } >"$defaults/xfce4-desktop.xml"
}

run_xfce() {
    hide_autostart "$system"
    write_xfce_defaults
    export DESKTOP_SESSION=xfce XDG_SESSION_DESKTOP=xfce XDG_CURRENT_DESKTOP=XFCE XDG_MENU_PREFIX=xfce-
    # the panel's question of the first start, which versions up to 4.16 ask, answered
    export XFCE_PANEL_MIGRATE_DEFAULT=1
    if command -v dbus-run-session >/dev/null; then
        exec dbus-run-session -- xfce4-session
    fi
    exec dbus-launch --exit-with-session xfce4-session
}

# All programs that the node's menus know, by category. Each file is one program; what it says in other languages is passed over.
list_programs() {
    data=${XDG_DATA_HOME:-$HOME/.local/share}:${XDG_DATA_DIRS:-/usr/local/share:/usr/share}
    echo "$data" | tr ':' '\n' | while read -r directory; do
        [ -d "$directory/applications" ] && find -L "$directory/applications" -name '*.desktop' -type f -print
    done | xargs -r -d '\n' awk -F= '
        function value() { sub(/^[^=]*=[ \t]*/, ""); return $0 }
        function escaped(text) { gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/"/, "\\&quot;", text); return text }
        function tell() {
            if (title == "" || run == "" || hidden || kind != "Application") return
            gsub(/%[fFuUdDnNickvm]/, "", run); gsub(/%%/, "%", run); sub(/[ \t]+$/, "", run)
            if (console) run = "xterm -e " run
            print group "\t" escaped(title) "\t" escaped(run)
        }
        FNR == 1 { tell(); title = run = kind = ""; group = "Other"; hidden = console = inside = 0 }
        /^\[/ { inside = ($0 == "[Desktop Entry]") }
        !inside { next }
        $1 == "Name" { title = value() }
        $1 == "Exec" { run = value() }
        $1 == "Type" { kind = value() }
        $1 == "Terminal" { console = (value() == "true") }
        $1 == "NoDisplay" || $1 == "Hidden" { if (value() == "true") hidden = 1 }
        $1 == "OnlyShowIn" { hidden = 1 }
        $1 == "Categories" {
            all = ";" value() ";"
            if (all ~ /;(Science|Math|Education);/) group = "Science"
            else if (all ~ /;Development;/) group = "Development"
            else if (all ~ /;Graphics;/) group = "Graphics"
            else if (all ~ /;(Network|WebBrowser);/) group = "Internet"
            else if (all ~ /;Office;/) group = "Office"
            else if (all ~ /;(AudioVideo|Audio|Video);/) group = "Sound and video"
            else if (all ~ /;(System|Settings);/) group = "System"
            else if (all ~ /;Utility;/) group = "Tools"
        }
        END { tell() }' | LC_ALL=C sort -u
}

write_menu() {
    echo '<?xml version="1.0" encoding="UTF-8"?>'
    echo '<openbox_menu xmlns="http://openbox.org/3.4/menu">'
    echo '<menu id="root-menu" label="Programs">'
    item Terminal 'xterm -fa Monospace -fs 11'
    first_item Files thunar pcmanfm nautilus dolphin
    first_item Firefox firefox firefox-esr
    echo '<menu id="client-list-menu"/><separator/>'
    list_programs | awk -F'\t' '
        $1 != last { if (last != "") print "</menu>"; printf "<menu id=\"%s\" label=\"%s\">\n", $1, $1; last = $1 }
        { printf "<item label=\"%s\"><action name=\"Execute\"><command>%s</command></action></item>\n", $2, $3 }
        END { if (last != "") print "</menu>" }'
    echo '<separator/>'
    echo '<item label="End this desktop"><action name="Exit"><prompt>no</prompt></action></item>'
    echo '</menu></openbox_menu>'
}

item() {
    printf '<item label="%s"><action name="Execute"><command>%s</command></action></item>\n' "$1" "$2"
}

# The first of these programs that is there.
first_item() {
    label=$1
    shift
    for name in "$@"; do
        if command -v "$name" >/dev/null; then
            item "$label" "$name"
            return
        fi
    done
}

run_openbox() {
    write_menu >"$settings/menu.xml"
    # the system's configuration with our menu, which any click beside the windows opens; a person's own goes before it
    configuration=${XDG_CONFIG_HOME:-$HOME/.config}/openbox/rc.xml
    if [ ! -e "$configuration" ]; then
        configuration=$settings/rc.xml
        click='<mousebind button="Left" action="Press"><action name="ShowMenu"><menu>root-menu</menu></action></mousebind>'
        sed -e "s|<file>menu.xml</file>|<file>$settings/menu.xml</file>|" -e '/debian-menu.xml/d' \
            -e 's|<number>4</number>|<number>1</number>|' -e "s|<context name=\"Root\">|&$click|" \
            /etc/xdg/openbox/rc.xml >"$configuration" || exit 1
    fi
    export DESKTOP_SESSION=openbox XDG_SESSION_DESKTOP=openbox XDG_CURRENT_DESKTOP=openbox
    startup='xterm -fa Monospace -fs 11 -title Terminal -geometry 100x30 &'
    command -v tint2 >/dev/null && startup="tint2 & $startup"
    command -v xsetroot >/dev/null && startup="xsetroot -solid '#2b3d4f' & $startup"
    set -- openbox --sm-disable --config-file "$configuration" --startup "sh -c \"$startup\""
    command -v dbus-run-session >/dev/null && exec dbus-run-session -- "$@"
    exec "$@"
}

has_xfce() {
    command -v xfce4-session >/dev/null && { command -v dbus-run-session || command -v dbus-launch; } >/dev/null
}

case ${ARMCHAIR_FIELD_DESKTOP:-auto} in
xfce)
    if ! has_xfce; then
        echo "Xfce is not installed on this node (on Debian: xfce4 and dbus). Openbox is there." >&2
        exit 2
    fi
    run_xfce
    ;;
openbox) run_openbox ;;
*) if has_xfce; then run_xfce; else run_openbox; fi ;;
esac
